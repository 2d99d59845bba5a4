# SPDX-License-Identifier: Apache-2.0
# The program, its man pages and shell completion (both printed by the program from its tables of options).
file(GLOB cli_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/cli/*.c)
add_executable(physioclr ${cli_sources})
target_include_directories(physioclr PRIVATE include cli)
target_compile_definitions(physioclr PRIVATE _GNU_SOURCE)
target_compile_options(physioclr PRIVATE ${PCLR_C_FLAGS})
set(all_folders ${PCLR_OBJECTS})
list(TRANSFORM all_folders PREPEND pclr_)
target_link_libraries(physioclr PRIVATE ${all_folders})

set(manuals ${CMAKE_BINARY_DIR}/manuals)
add_custom_command(
  OUTPUT ${manuals}/done
  COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:physioclr> -DFOLDER=${manuals} -P ${CMAKE_SOURCE_DIR}/cmake/manuals.cmake
  DEPENDS physioclr ${CMAKE_SOURCE_DIR}/cmake/manuals.cmake)
add_custom_target(manuals ALL DEPENDS ${manuals}/done)

install(TARGETS physioclr RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${manuals}/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 FILES_MATCHING PATTERN "*.1")
install(FILES ${manuals}/physioclr.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME physioclr)
