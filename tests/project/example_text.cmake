# SPDX-License-Identifier: Apache-2.0
# The example at the top of include/physioclr.h and tests/example.c are the same text. Run with -DSOURCE=<project folder>.
cmake_minimum_required(VERSION 3.20)
file(READ ${SOURCE}/include/physioclr.h header)
file(READ ${SOURCE}/tests/example.c program)

string(FIND "${header}" " *     #include <physioclr.h>\n" begin)
string(FIND "${header}" "\n *\n * Rules that hold" end)
if(begin LESS 0 OR end LESS begin)
  message(FATAL_ERROR "include/physioclr.h: the example is not where it is expected")
endif()
math(EXPR length "${end} - ${begin}")
string(SUBSTRING "${header}" ${begin} ${length} example)
string(REPLACE "\n *     " "\n" example "\n${example}\n")
string(REPLACE "\n *\n" "\n\n" example "${example}")

string(FIND "${program}" "#include <physioclr.h>\n" begin)
string(SUBSTRING "${program}" ${begin} -1 program)
if(NOT "${example}" STREQUAL "\n${program}")
  message("header:${example}")
  message("tests/example.c:\n${program}")
  message(FATAL_ERROR "the two texts differ")
endif()
