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

# Programs that link the static library need the libraries behind it: `pkg-config --static --libs physioclr`. They are named one by
# one: they are shared and bring their own, while their .pc files would ask for development packages that nobody needs here.
set(PCLR_PC_LIBS ${HDF5_LINK_LIBRARIES} ${FLAC_LINK_LIBRARIES} ${XML_LINK_LIBRARIES} ${MATIO_LINK_LIBRARIES} ${JANSSON_LINK_LIBRARIES}
  ${YAML_LINK_LIBRARIES} ${LBFGS_LINK_LIBRARIES} ${KISSFFT_LINK_LIBRARIES} ${CAIRO_LINK_LIBRARIES} ${OPENBLAS_LINK_LIBRARIES}
  ${ZLIB_LINK_LIBRARIES} ${LAPACKE_LIBRARY} ${EDF_LIBRARY} ${PCLR_ONEDNN_LIBS} ${PCLR_XGBOOST_LIBS} ${MPI_LINK_LIBRARIES} ${OpenMP_C_FLAGS} -lpthread -lm)
list(REMOVE_DUPLICATES PCLR_PC_LIBS)
list(JOIN PCLR_PC_LIBS " " PCLR_PC_LIBS)
configure_file(cmake/physioclr.pc.in physioclr.pc @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/physioclr-config-version.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS physioclr_shared EXPORT physioclr LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS physioclr_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES include/physioclr.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_BINARY_DIR}/physioclr.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/physioclr)
install(EXPORT physioclr NAMESPACE physioclr:: FILE physioclr-config.cmake DESTINATION ${package_folder})
install(FILES ${CMAKE_BINARY_DIR}/physioclr-config-version.cmake DESTINATION ${package_folder})
