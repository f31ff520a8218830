# SPDX-License-Identifier: Apache-2.0
# Writes OUTPUT, a C file with the texts of SOURCES, as struct ocl_source declares them. Bytes instead of strings, since
# ISO C bounds the length of a string.
set(text "// SPDX-License-Identifier: Apache-2.0\n// Generated from cl/*.cl.\n#include \"opencl/ocl_program.h\"\n")
set(rows "")
foreach(source ${SOURCES})
  get_filename_component(name ${source} NAME_WE)
  file(READ ${source} bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(APPEND text "\nstatic const char ${name}_cl[] = {${bytes}0};\n")
  string(APPEND rows "    {\"${name}\", ${name}_cl, sizeof ${name}_cl - 1},\n")
endforeach()
string(APPEND text "\nconst struct ocl_source ocl_sources[] = {\n${rows}    {0, 0, 0},\n};\n")
file(WRITE ${OUTPUT} "${text}")
