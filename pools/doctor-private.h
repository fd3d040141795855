/* Shared by the files of the doctor. SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <sys/types.h>

#include "pools/doctor.h"

/* @advice NULL: none is needed. */
void doctor_add(GPtrArray *findings, DoctorStatus status, const char *name, const char *advice, const char *format, ...)
	G_GNUC_PRINTF(5, 6);

/* May @user (a name or a number) do @mode (of access(2)) to @path? 1 yes, 0 no, -1: this process may not find out. When it may not,
 * *@blocker (may be NULL) is the first folder above it that shuts them out, or @path itself; free with g_free. */
int doctor_may(const char *user, const char *path, int mode, char **blocker);

/* doctor-host.c */
void doctor_examine_acceleration(GPtrArray *findings);
void doctor_examine_libvirt(GPtrArray *findings, const Conf *conf);
void doctor_examine_folders(GPtrArray *findings, const Conf *conf);
/* doctor-instance.c */
void doctor_examine_users(GPtrArray *findings, const Conf *conf);
void doctor_examine_pam(GPtrArray *findings, const Conf *conf);
void doctor_examine_pools(GPtrArray *findings, const Conf *conf);
void doctor_examine_broker(GPtrArray *findings, const Conf *conf);
/* doctor-processes.c */
void doctor_examine_processes(GPtrArray *findings, const Conf *conf);
/* What holds process @pid, which is the program @name. @report: what it said of its sandbox; NULL: unknown. */
void doctor_judge_process(GPtrArray *findings, const char *name, pid_t pid, const char *report);
/* doctor-network.c */
void doctor_examine_certificates(GPtrArray *findings, const Conf *conf);
void doctor_examine_ports(GPtrArray *findings, const Conf *conf);
/* Can desktops be kept from pretending to be others? @libvirt: it has network filters; @local: they are carried out on this host. */
void doctor_examine_filters(GPtrArray *findings, gboolean libvirt, gboolean local);
