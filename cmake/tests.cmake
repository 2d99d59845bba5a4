# SPDX-License-Identifier: Apache-2.0
# tests/<folder>/test_*.c: one program each, linked to its folder (and what that folder sees) and cmocka.
# tests/cli/*.sh: the program from outside. tests/project/: the house itself. Exit status 77 is SKIP.
enable_testing()
add_custom_target(tests)

# The thread sanitizer understands OpenMP by Archer, a tool of LLVM's OpenMP runtime (libomp-dev; other compilers' runtimes give false
# alarms). Libraries that were not built with it (HDF5, oneDNN, BLAS) are not watched.
set(PCLR_TEST_ENVIRONMENT)
if(PCLR_SANITIZE MATCHES thread)
  file(GLOB llvm_folders /usr/lib/llvm-*/lib)
  find_library(ARCHER_LIBRARY archer HINTS ${llvm_folders})
  if(NOT ARCHER_LIBRARY)
    message(WARNING "libarcher.so not found (libomp-dev): the thread sanitizer will report races in parallel loops that are none")
  endif()
  set(PCLR_TEST_ENVIRONMENT TSAN_OPTIONS=ignore_noninstrumented_modules=1 OMP_TOOL_LIBRARIES=${ARCHER_LIBRARY})
endif()

# Tests run beside each other: threads that wait for work must not hold a processor.
function(pclr_test_result name)
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600)
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT OMP_WAIT_POLICY=passive OMP_NUM_THREADS=2 ${PCLR_TEST_ENVIRONMENT})
endfunction()

# Tests of a folder may also use these, which the folder itself may not see.
set(PCLR_TEST_ALSO_doctor pclr_simulate)

foreach(folder IN LISTS PCLR_OBJECTS)
  file(GLOB test_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${folder}/test_*.c)
  foreach(source IN LISTS test_sources)
    get_filename_component(name ${source} NAME_WE)
    set(target ${folder}_${name})
    add_executable(${target} ${source})
    target_include_directories(${target} PRIVATE src tests)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE $<$<BOOL:${PCLR_HAVE_ONEDNN}>:PCLR_HAVE_ONEDNN> PCLR_SOURCE_DIR="${CMAKE_SOURCE_DIR}" PCLR_BINARY_DIR="${CMAKE_BINARY_DIR}")
    target_compile_options(${target} PRIVATE ${PCLR_C_FLAGS})
    target_link_libraries(${target} PRIVATE pclr_${folder} ${PCLR_TEST_ALSO_${folder}} PkgConfig::CMOCKA)
    add_dependencies(tests ${target})
    add_test(NAME ${folder}/${name} COMMAND ${target})
    pclr_test_result(${folder}/${name})
  endforeach()
endforeach()

# The example of the public header, linked to the shared library: what it needs is exported.
add_executable(example tests/example.c)
target_compile_options(example PRIVATE ${PCLR_C_FLAGS})
target_link_options(example PRIVATE ${PCLR_LINK_FLAGS})
target_link_libraries(example PRIVATE physioclr_shared)
add_dependencies(tests example physioclr manuals)

# Scripts get the program, the source folder and an empty folder of their own to work in.
file(GLOB scripts CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/cli/*.sh ${CMAKE_SOURCE_DIR}/tests/project/*.sh)
foreach(script IN LISTS scripts)
  get_filename_component(name ${script} NAME_WE)
  get_filename_component(folder ${script} DIRECTORY)
  get_filename_component(folder ${folder} NAME)
  add_test(NAME ${folder}/${name} COMMAND ${CMAKE_SOURCE_DIR}/tests/run_script.sh ${script})
  set_tests_properties(${folder}/${name} PROPERTIES ENVIRONMENT
    "PHYSIOCLR=$<TARGET_FILE:physioclr>;EXAMPLE=$<TARGET_FILE:example>;SOURCE=${CMAKE_SOURCE_DIR};BUILD=${CMAKE_BINARY_DIR};CC=${CMAKE_C_COMPILER}")
  pclr_test_result(${folder}/${name})
endforeach()

foreach(check law example_text)
  add_test(NAME project/${check} COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -P ${CMAKE_SOURCE_DIR}/tests/project/${check}.cmake)
endforeach()
