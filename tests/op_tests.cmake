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

# And on the OpenCL device, each op by itself.
if(CLEF_OPENCL)
  foreach(op ${CLEF_OPS})
    add_test(NAME ops_opencl_${op} COMMAND test_ops ${op})
    set_tests_properties(ops_opencl_${op} PROPERTIES LABELS "ops;opencl" SKIP_RETURN_CODE 77
      TIMEOUT ${CLEF_TEST_TIMEOUT} ENVIRONMENT CLEF_TEST_DEVICE=opencl)
  endforeach()
  # Once more as a graphics processor runs them. The convolutions' configurations for one are slow on a processor, and
  # only the driver can be wrong in them: they have the label "gpu_numbers" instead of "opencl", and no sanitizer runs
  # them.
  foreach(op ${CLEF_OPS})
    set(label opencl)
    if(op MATCHES "^(conv2d|dense)")
      set(label gpu_numbers)
    endif()
    add_test(NAME ops_opencl_as_gpu_${op} COMMAND test_ops ${op})
    set_tests_properties(ops_opencl_as_gpu_${op} PROPERTIES LABELS "ops;${label}" SKIP_RETURN_CODE 77
      TIMEOUT ${CLEF_TEST_TIMEOUT} ENVIRONMENT "CLEF_TEST_DEVICE=opencl;CLEF_OPENCL_AS=gpu")
  endforeach()
  # Convolution and dense layers by CLBlast as well.
  foreach(op conv2d_forward conv2d_backward_data conv2d_backward_weights
      dense_forward dense_backward_data dense_backward_weights)
    add_test(NAME ops_clblast_${op} COMMAND test_ops ${op})
    set_tests_properties(ops_clblast_${op} PROPERTIES LABELS "ops;opencl" SKIP_RETURN_CODE 77
      TIMEOUT ${CLEF_TEST_TIMEOUT} ENVIRONMENT "CLEF_TEST_DEVICE=opencl;CLEF_CONV=clblast")
  endforeach()
endif()
