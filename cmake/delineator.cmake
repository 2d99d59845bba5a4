# SPDX-License-Identifier: Apache-2.0
# What scripts/train_delineator.py loads; built only when asked for.
add_library(delineator_windows SHARED EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/scripts/delineator/windows.c)
target_include_directories(delineator_windows PRIVATE src)
target_compile_definitions(delineator_windows PRIVATE _GNU_SOURCE)
target_compile_options(delineator_windows PRIVATE ${PCLR_C_FLAGS} -fvisibility=default)
target_link_libraries(delineator_windows PRIVATE pclr_physio)
