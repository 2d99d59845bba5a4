# SPDX-License-Identifier: Apache-2.0
# libphysioclr, shared and static, from the folders' objects; pkg-config file and CMake package.
include(CMakePackageConfigHelpers)

set(objects)
set(libraries)
foreach(folder IN LISTS PCLR_OBJECTS)
  list(APPEND objects $<TARGET_OBJECTS:pclr_${folder}>)
  list(APPEND libraries ${PCLR_LIBS_${folder}})
endforeach()
list(REMOVE_DUPLICATES libraries)

foreach(kind shared static)
  string(TOUPPER ${kind} type)
  add_library(physioclr_${kind} ${type} ${objects})
  target_include_directories(physioclr_${kind} PUBLIC $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  set_target_properties(physioclr_${kind} PROPERTIES OUTPUT_NAME physioclr LINKER_LANGUAGE C)
  target_link_options(physioclr_${kind} PRIVATE ${PCLR_LINK_FLAGS})
endforeach()
if(NOT PCLR_SANITIZE)
  target_link_options(physioclr_shared PRIVATE -Wl,-z,defs) # a missing function is found here, not by the user
endif()
target_link_libraries(physioclr_shared PRIVATE ${libraries} Threads::Threads m)
set_target_properties(physioclr_shared PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR} EXPORT_NAME physioclr)

# Programs that link the static library need the libraries behind it: `pkg-config --static --libs physioclr`.
set(PCLR_PC_REQUIRES "${HDF5_MODULE_NAME} flac libxml-2.0 matio jansson yaml-0.1 liblbfgs kissfft-float cairo openblas zlib")
string(STRIP "${PCLR_PC_REQUIRES}" PCLR_PC_REQUIRES)
set(PCLR_PC_LIBS "-llapacke -ledf -lpthread -lm")
if(PCLR_HAVE_ONEDNN)
  string(PREPEND PCLR_PC_LIBS "-ldnnl ")
endif()
string(PREPEND PCLR_PC_LIBS "${OpenMP_C_FLAGS} ")
configure_file(cmake/physioclr.pc.in physioclr.pc @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/physioclr-config-version.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS physioclr_shared EXPORT physioclr LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS physioclr_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/physioclr.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_BINARY_DIR}/physioclr.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/physioclr)
install(EXPORT physioclr NAMESPACE physioclr:: FILE physioclr-config.cmake DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/physioclr-config-version.cmake DESTINATION ${package_folder})
