# SPDX-License-Identifier: Apache-2.0
# The program once more with ops that go wrong on demand, see spoiled/spoiled_plans.c.
add_executable(clef_spoiled ${CLEF_CLI_SOURCES} spoiled/spoiled_plans.c)
target_link_libraries(clef_spoiled PRIVATE clef_check libclef clef_flags)
foreach(op relu_forward batchnorm_infer batchnorm_train maxpool_backward)
  target_link_options(clef_spoiled PRIVATE -Wl,--wrap=clef_plan_${op})
endforeach()
target_compile_definitions(clef_test_flags INTERFACE CLEF_SPOILED_PROGRAM="$<TARGET_FILE:clef_spoiled>")
add_dependencies(clef_test_support clef_spoiled)
