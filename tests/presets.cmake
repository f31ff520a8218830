# SPDX-License-Identifier: Apache-2.0
# quickstart.sh configures the build directory of the release preset without tests and without warnings as errors. Who
# then configures the preset alone, as the README says, must get both.
file(REMOVE_RECURSE ${BUILD})

# Configures the release preset in a directory of its own, and checks both options in its cache.
function(check expected)
  execute_process(COMMAND ${CMAKE_COMMAND} --preset release -B ${BUILD} -DCLEF_OPENCL=OFF ${ARGN}
    WORKING_DIRECTORY ${SOURCE} RESULT_VARIABLE code OUTPUT_VARIABLE log ERROR_VARIABLE log)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "cmake --preset release ${ARGN} failed:\n${log}")
  endif()
  load_cache(${BUILD} READ_WITH_PREFIX found_ CLEF_TESTS CLEF_WERROR)
  foreach(option CLEF_TESTS CLEF_WERROR)
    if(NOT found_${option} STREQUAL expected)
      message(FATAL_ERROR "${option} is ${found_${option}} after cmake --preset release ${ARGN}, not ${expected}")
    endif()
  endforeach()
endfunction()

check(OFF -DCLEF_TESTS=OFF -DCLEF_WERROR=OFF)
check(ON)
file(REMOVE_RECURSE ${BUILD})
