# SPDX-License-Identifier: Apache-2.0
# The plain C backend. The files of src/cpu/ops are compiled once per instruction set and chosen at run time; each
# instruction set is one row: name, then its compiler flags.
set(CLEF_CPU_ISAS)
set(CLEF_CPU_OBJECTS clef_cpu) # Object libraries that libclef is made of.
function(clef_cpu_isa name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/cpu/ops/*.c)
  add_library(clef_cpu_${name} OBJECT ${sources})
  # Written out in full, Winograd's transforms take half a minute to compile where each access is watched.
  target_compile_definitions(clef_cpu_${name} PRIVATE CPU_ISA=${name} $<$<CONFIG:Debug>:CPU_TRANSFORM=static>)
  # Contraction makes a fused multiply-add of a*b + c where the instruction set has one; nothing else of -ffast-math
  # is wanted, since NaN and infinity must be noticed.
  # No file is read here: what watches readers would only make the build long.
  target_compile_options(clef_cpu_${name} PRIVATE ${ARGN} -ffp-contract=fast -fno-math-errno -fno-trapping-math
    $<$<BOOL:${CLEF_FUZZ}>:-fno-sanitize=all>)
  target_link_libraries(clef_cpu_${name} PRIVATE clef_flags)
  set_target_properties(clef_cpu_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  set(CLEF_CPU_ISAS ${CLEF_CPU_ISAS} ${name} PARENT_SCOPE)
  set(CLEF_CPU_OBJECTS ${CLEF_CPU_OBJECTS} clef_cpu_${name} PARENT_SCOPE)
endfunction()

option(CLEF_AVX512 "Compile for AVX-512 besides, on x86-64" ON)
clef_cpu_isa(baseline)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  clef_cpu_isa(avx2 -mavx2 -mfma)
  if(CLEF_AVX512)
    clef_cpu_isa(avx512 -mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma -mprefer-vector-width=512)
  endif()
endif()

file(GLOB CLEF_CPU_SOURCES CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/cpu/*.c)
add_library(clef_cpu OBJECT ${CLEF_CPU_SOURCES})
target_link_libraries(clef_cpu PRIVATE clef_flags Threads::Threads)
set_target_properties(clef_cpu PROPERTIES POSITION_INDEPENDENT_CODE ON)
foreach(isa ${CLEF_CPU_ISAS})
  string(TOUPPER ${isa} upper)
  target_compile_definitions(clef_cpu PRIVATE CLEF_CPU_HAS_${upper})
endforeach()
