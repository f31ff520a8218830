# SPDX-License-Identifier: Apache-2.0
# The tests of the ops: one program, and tests of ctest with the label "ops".
add_executable(test_ops op_main.c)
target_link_libraries(test_ops PRIVATE clef_test_support)

set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/core/op_list.h)
file(READ ${CMAKE_SOURCE_DIR}/src/core/op_list.h op_list)
string(REGEX MATCHALL "X\\([a-z0-9_]+\\)" rows "${op_list}")
list(TRANSFORM rows REPLACE "X\\((.*)\\)" "\\1" OUTPUT_VARIABLE CLEF_OPS)
# Each of them with each instruction set that was compiled; one that this processor lacks is a visible skip. The device
# takes the best of them by itself, so that without a choice the same would run once more.
foreach(isa ${CLEF_CPU_ISAS})
  foreach(op ${CLEF_OPS})
    add_test(NAME ops_${isa}_${op} COMMAND test_ops ${op})
    set_tests_properties(ops_${isa}_${op} PROPERTIES LABELS ops SKIP_RETURN_CODE 77 TIMEOUT ${CLEF_TEST_TIMEOUT}
      ENVIRONMENT CLEF_CPU=${isa})
  endforeach()
endforeach()

# And on the OpenCL device. One program runs all ops: to compile kernels for an op takes a driver longer than to run
# them, and what one op has compiled the next one need not.
function(clef_opencl_op_test name labels environment)
  add_test(NAME ${name} COMMAND test_ops ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS "ops;${labels}" SKIP_RETURN_CODE 77 TIMEOUT ${CLEF_TEST_TIMEOUT}
    ENVIRONMENT "CLEF_TEST_DEVICE=opencl;${environment}")
endfunction()

if(CLEF_OPENCL)
  set(products ${CLEF_OPS})
  list(FILTER products INCLUDE REGEX "^(conv2d|dense)")
  set(others ${CLEF_OPS})
  list(REMOVE_ITEM others ${products})
  clef_opencl_op_test(ops_opencl opencl "" ${CLEF_OPS})
  clef_opencl_op_test(ops_clblast "opencl;slow" CLEF_CONV=clblast ${products})
  # Once more as a graphics processor runs them. Products of matrices in the configurations for one are slow on a
  # processor, and only the driver can be wrong in them: they have the label "gpu_numbers" instead of "opencl", and no
  # sanitizer runs them.
  clef_opencl_op_test(ops_opencl_as_gpu opencl CLEF_OPENCL_AS=gpu ${others})
  clef_opencl_op_test(ops_opencl_as_gpu_products gpu_numbers CLEF_OPENCL_AS=gpu ${products})
endif()
