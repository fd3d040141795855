/* The lists of system calls. They were found by tracing the programs under all system tests, and then by running those with
 * CARREL_SANDBOX=kill. SPDX-License-Identifier: GPL-2.0-or-later */
#include "config.h"
#include "broker/common/sandbox.h"

#include "broker/common/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* Allowed with any arguments. The first ones are asked for most often, and are found first. */
static const char *const common[] = {
	"sendmsg", "recvmsg", "recvfrom", "read", "write", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "futex",
	"pread64", "writev", "readv", "lseek", "epoll_ctl", "close", "getpid", "pwrite64", "preadv", "pwritev", "recvmmsg",
	"sendmmsg", "select", "pselect6", "epoll_create1", "fcntl", "fcntl64", "dup", "dup2", "dup3", "close_range", "fstat",
	"ftruncate", "fallocate", "fdatasync",
	/* descriptors of our own making */
	"pipe", "pipe2", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime", "signalfd4", "memfd_create",
	"shutdown", "getsockopt", "setsockopt", "getsockname", "getpeername",
	/* memory and threads */
	"brk", "munmap", "mremap", "madvise", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "sched_yield",
	"sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "membarrier", "getcpu", "exit", "exit_group",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "restart_syscall",
	/* time, and what the process is */
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "gettid", "getppid",
	"getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "uname", "sysinfo", "getrusage", "getrlimit", NULL};

/* With SANDBOX_FILES: which files is Landlock's matter, and that of their owners. */
static const char *const files[] = {"open", "openat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "fstatfs", "rename", "renameat", "renameat2", "unlink",
	"unlinkat", "fsync", "fchmod", "umask", NULL};

static const char *const accepting[] = {"accept", "accept4", NULL};

/* Libraries try these by themselves and do without: libspice-server names its thread by /proc; SASL and OpenSSL look for files of
 * configuration, and SASL complains to syslog; glibc falls back from clone3, whose flags a filter cannot see, to clone; GLib takes
 * it that a scheduler cannot be handed on to threads. Without SANDBOX_FILES the file system is empty, which they take better than
 * one that is shut. */
static const struct {
	const char *call;
	int number;
} refused[] = {{"open", ENOENT}, {"openat", ENOENT}, {"openat2", ENOSYS}, {"stat", ENOENT}, {"lstat", ENOENT}, {"statx", ENOSYS},
	{"access", ENOENT}, {"faccessat", ENOENT}, {"faccessat2", ENOSYS}, {"readlink", ENOENT}, {"readlinkat", ENOENT},
	{"clone3", ENOSYS}, {"sched_setattr", EPERM}, {"sched_setscheduler", EPERM}, {"mlock", EPERM}, {"mlock2", ENOSYS}};

/* No library does these by itself. */
static const char *const fatal[] = {"execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev",
	"process_madvise", "kcmp", "kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_open", "pidfd_getfd",
	"pidfd_send_signal", "connect", "bind", "listen", "accept", "accept4", "mount", "umount2", "pivot_root", "chroot", "unshare",
	"setns", "fsopen", "fsmount", "move_mount", "open_tree", "mount_setattr", "bpf", "perf_event_open", "userfaultfd",
	"io_uring_setup", "io_uring_enter", "io_uring_register", "kexec_load", "kexec_file_load", "init_module", "finit_module",
	"delete_module", "add_key", "request_key", "keyctl", "open_by_handle_at", "name_to_handle_at", "fanotify_init", "mknod",
	"mknodat", "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid",
	"capset", "reboot", "swapon", "swapoff", "iopl", "ioperm", "modify_ldt", "personality", "acct", "quotactl",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname", "setdomainname", "syslog", "vhangup", NULL};

typedef struct {
	scmp_filter_ctx filter;
	guint32 rest; /* the action for what no rule names */
	int result; /* the first failure: -errno */
} Rules;

/* Names that this libseccomp or this architecture does not have are left to the default. */
static void
add(Rules *rules, guint32 action, const char *call, guint n, const struct scmp_arg_cmp *arguments)
{
	int number = seccomp_syscall_resolve_name(call);

	/* libseccomp takes no rule that says what holds anyway. */
	if (number == __NR_SCMP_ERROR || action == rules->rest || rules->result < 0)
		return;
	rules->result = seccomp_rule_add_array(rules->filter, action, number, n, arguments);
}

static void
add_if(Rules *rules, guint32 action, const char *call, struct scmp_arg_cmp argument)
{
	add(rules, action, call, 1, &argument);
}

static gboolean
lists(const char *const *list, const char *call)
{
	return g_strv_contains(list, call);
}

static void
add_list(Rules *rules, guint32 action, const char *const *list)
{
	for (; *list; list++)
		add(rules, action, *list, 0, NULL);
}

static void
prefer(Rules *rules)
{
	for (guint i = 0; i < 10; i++)
		seccomp_syscall_priority(rules->filter, seccomp_syscall_resolve_name(common[i]), (guint8)(255 - i));
}

/* Calls that are harmless with some arguments. What the filter cannot see is what a pointer points to. */
static void
add_conditional(Rules *rules, guint needs)
{
	const guint32 yes = SCMP_ACT_ALLOW;
	const guint64 self = (guint64)getpid();
	static const unsigned ioctls[] = {FIONREAD, FIONBIO, TCGETS, TIOCOUTQ};

	/* An address would reach any unix socket that takes datagrams. */
	add_if(rules, yes, "sendto", SCMP_A4(SCMP_CMP_EQ, 0));
	add_if(rules, yes, "socketpair", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
	add_if(rules, yes, "mmap", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	add_if(rules, yes, "mprotect", SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	add_if(rules, yes, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
	add_if(rules, SCMP_ACT_KILL_PROCESS, "clone", SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	add_if(rules, yes, "tgkill", SCMP_A0(SCMP_CMP_EQ, self)); /* abort(3) */
	add_if(rules, SCMP_ACT_KILL_PROCESS, "tgkill", SCMP_A0(SCMP_CMP_NE, self));
	add_if(rules, yes, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	add_if(rules, yes, "prctl", SCMP_A0(SCMP_CMP_EQ, PR_GET_NAME));
	add(rules, yes, "prlimit64", 2, (struct scmp_arg_cmp[]){SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)});
	for (guint i = 0; i < G_N_ELEMENTS(ioctls); i++)
		add_if(rules, yes, "ioctl", SCMP_A1(SCMP_CMP_EQ, ioctls[i]));
	/* fstat(3) of newer glibc */
	if (!(needs & SANDBOX_FILES))
		add_if(rules, yes, "newfstatat", SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
	if (needs & SANDBOX_CONNECT) {
		add_if(rules, yes, "socket", SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
		add(rules, yes, "connect", 0, NULL);
	}
}

/* What is refused without a word; @here: by these rules, else they let it through, to others that do. */
static void
refuse(Rules *rules, guint needs, gboolean here)
{
	for (guint i = 0; i < G_N_ELEMENTS(refused); i++) {
		if (!(needs & SANDBOX_FILES) || !lists(files, refused[i].call))
			add(rules, here ? SCMP_ACT_ERRNO((guint32)refused[i].number) : SCMP_ACT_ALLOW, refused[i].call, 0, NULL);
	}
	if (!(needs & SANDBOX_CONNECT))
		add(rules, here ? SCMP_ACT_ERRNO(EACCES) : SCMP_ACT_ALLOW, "socket", 0, NULL);
}

static void
fill(Rules *rules, guint needs)
{
	prefer(rules);
	add_list(rules, SCMP_ACT_ALLOW, common);
	add_conditional(rules, needs);
	if (needs & SANDBOX_FILES)
		add_list(rules, SCMP_ACT_ALLOW, files);
	if (needs & SANDBOX_ACCEPT)
		add_list(rules, SCMP_ACT_ALLOW, accepting);
	refuse(rules, needs, FALSE);
	for (const char *const *call = fatal; *call; call++) {
		if (((needs & SANDBOX_ACCEPT) && lists(accepting, *call)) ||
			((needs & SANDBOX_CONNECT) && g_str_equal(*call, "connect")))
			continue;
		add(rules, SCMP_ACT_KILL_PROCESS, *call, 0, NULL);
	}
}

static Rules
rules_new(guint32 rest)
{
	Rules rules = {seccomp_init(rest), rest, 0};

	if (rules.filter == NULL)
		g_error("no memory for a seccomp filter");
	seccomp_attr_set(rules.filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	seccomp_attr_set(rules.filter, SCMP_FLTATR_CTL_TSYNC, 1);
	return rules;
}

static gboolean
rules_load(Rules *rules, GError **error)
{
	if (rules->result == 0)
		rules->result = seccomp_load(rules->filter);
	seccomp_release(rules->filter);
	if (rules->result < 0)
		g_set_error(error, CARREL_ERROR, CARREL_ERROR_FAILED, "seccomp: %s", g_strerror(-rules->result));
	return rules->result == 0;
}

/* Two filters, of which the stricter answer counts: the kernel logs all that a filter refuses, or nothing of it, and what libraries
 * try at each start of a thread is no news. */
gboolean
sandbox_restrict_calls(guint needs, gboolean kill, GError **error)
{
	Rules quiet = rules_new(SCMP_ACT_ALLOW), rules = rules_new(kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));

	refuse(&quiet, needs, TRUE);
	/* Kernels and libraries that do not know these two: no log, and a list in place of a tree. */
	seccomp_attr_set(rules.filter, SCMP_FLTATR_CTL_LOG, 1);
	seccomp_attr_set(rules.filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	fill(&rules, needs);
	if (rules_load(&quiet, error))
		return rules_load(&rules, error);
	seccomp_release(rules.filter);
	return FALSE;
}
