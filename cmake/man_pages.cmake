# SPDX-License-Identifier: Apache-2.0
# The manual pages, which the program prints from its own tables of options. Each row: page, then the command's words.
set(CLEF_MAN_PAGES)
function(clef_man_page page)
  set(output ${CMAKE_BINARY_DIR}/man/${page}.1)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/man
    COMMAND clef ${ARGN} --help=man > ${output}
    DEPENDS clef VERBATIM)
  set(CLEF_MAN_PAGES ${CLEF_MAN_PAGES} ${output} PARENT_SCOPE)
endfunction()

clef_man_page(clef)
foreach(command train eval predict export import devices check tune info bench replay)
  clef_man_page(clef-${command} ${command})
endforeach()
clef_man_page(clef-bench-train bench train)
clef_man_page(clef-bench-ops bench ops)

add_custom_target(man ALL DEPENDS ${CLEF_MAN_PAGES})
install(FILES ${CLEF_MAN_PAGES} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
