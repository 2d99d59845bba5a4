# SPDX-License-Identifier: Apache-2.0
# libphysioclr, shared and static, from the folders' archives; pkg-config file and CMake package.
