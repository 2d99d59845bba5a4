# SPDX-License-Identifier: Apache-2.0
# Build options and warnings.
option(PCLR_WERROR "Treat warnings as errors" OFF)
option(PCLR_FUZZ "Build the libFuzzer harnesses (clang)" OFF)
set(PCLR_MPI AUTO CACHE STRING "Pretraining by several processes: AUTO (where Open MPI is found), ON, OFF")
set_property(CACHE PCLR_MPI PROPERTY STRINGS AUTO ON OFF)
set(PCLR_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

set(PCLR_C_FLAGS -Wall -Wextra -Wshadow -Wconversion -Wno-unknown-warning-option)
set(PCLR_LINK_FLAGS)
# No -ffast-math. Contraction to FMA is allowed only where a file asks for it, so that results agree between processors' paths.
list(APPEND PCLR_C_FLAGS -fno-math-errno -ffp-contract=off)
if(PCLR_WERROR)
  list(APPEND PCLR_C_FLAGS -Werror)
endif()
if(PCLR_SANITIZE)
  list(APPEND PCLR_C_FLAGS -fsanitize=${PCLR_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g)
  list(APPEND PCLR_LINK_FLAGS -fsanitize=${PCLR_SANITIZE})
endif()
if(PCLR_FUZZ)
  list(APPEND PCLR_C_FLAGS -fsanitize=fuzzer-no-link)
endif()
