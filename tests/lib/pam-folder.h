/* A PAM folder whose service "carrel" is the module beside this file. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Writes @folder/carrel. $builddir says where the module was built. */
void pam_folder_write(const char *folder);
