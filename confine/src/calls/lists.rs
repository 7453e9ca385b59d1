//! System calls by name. What x86-64 has beside the common ones stands in lists of its own; every other
//! processor has the common ones alone.

use libc::*;

/// `prctl` that names a range of memory; `libc` has it for Android only.
pub const PR_SET_VMA: c_int = 0x5356_4d41;
/// `ioctl` requests, whose type differs from one C library to the next.
pub const TCGETS: u64 = 0x5401;
pub const TIOCSTI: u64 = 0x5412;
pub const TIOCGWINSZ: u64 = 0x5413;
pub const FIONREAD: u64 = 0x541b;
/// Advice about memory of its own, which allocators give. About a file's memory it would move what the kernel keeps of the file; about
/// equal memory of others (`MADV_MERGEABLE`), it would find out who holds it.
pub const ADVICE: [u64; 10] = [
    MADV_DONTNEED as u64,
    MADV_FREE as u64,
    MADV_HUGEPAGE as u64,
    MADV_NOHUGEPAGE as u64,
    MADV_DONTDUMP as u64,
    MADV_DODUMP as u64,
    MADV_WIPEONFORK as u64,
    MADV_POPULATE_WRITE as u64,
    // Guard pages of a stack, installed and taken away; `libc` does not name them.
    102,
    103,
];
/// Advice that asks for nothing that a program could miss: how a file will be read. It is heard, and not followed.
pub const UNHEARD: [u64; 4] =
    [MADV_NORMAL as u64, MADV_RANDOM as u64, MADV_SEQUENTIAL as u64, MADV_WILLNEED as u64];
/// Clocks of the machine and of the caller. Every other number means another process's, or a device's.
pub const CLOCKS: [c_int; 9] = [
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_TAI,
];
/// Among others, types into a virtual console.
pub const TIOCLINUX: u64 = 0x541c;
pub const FIOCLEX: u64 = 0x5451;
/// What types, or changes what is typed: into a terminal, by a console's selection, its output, its line's driver, its keys and their mode.
pub const TYPING: [u64; 11] = [
    TIOCSTI, TIOCLINUX, 0x541d, // TIOCCONS
    0x5423, // TIOCSETD
    0x4b45, // KDSKBMODE
    0x4b47, // KDSKBENT
    0x4b49, // KDSKBSENT
    0x4b4b, // KDSKBDIACR
    0x4bfb, // KDSKBDIACRUC
    0x4b4d, // KDSETKEYCODE
    0x4b63, // KDSKBMETA
];
pub const FIOASYNC: u64 = 0x5452;

/// Flags of `clone` that make a namespace.
pub const NAMESPACES: [c_int; 7] =
    [CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP];

/// Calls that choose who runs where and when.
pub const SCHEDULING: &[c_long] =
    &[SYS_sched_setaffinity, SYS_sched_setscheduler, SYS_sched_setparam, SYS_sched_setattr];

/// What no program under a measurement needs: other processes' memory, the clock, the kernel's settings, and
/// ways around the walls.
pub const HOSTILE: &[c_long] = &[
    // other processes
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_pidfd_getfd,
    SYS_kcmp,
    SYS_move_pages,
    SYS_migrate_pages,
    // keys, programs in the kernel, calls that seccomp does not see
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_userfaultfd,
    // mounts and namespaces
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_move_mount,
    SYS_open_tree,
    SYS_mount_setattr,
    SYS_unshare,
    SYS_setns,
    // the clock
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_clock_settime,
    SYS_settimeofday,
    // memory and queues that outlive a process, and are everybody's
    SYS_shmget,
    SYS_shmat,
    SYS_shmctl,
    SYS_shmdt,
    SYS_msgget,
    SYS_msgsnd,
    SYS_msgrcv,
    SYS_msgctl,
    SYS_semget,
    SYS_semop,
    SYS_semtimedop,
    SYS_semctl,
    SYS_mq_open,
    SYS_mq_unlink,
    // the machine
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    #[cfg(target_arch = "x86_64")]
    SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    SYS_kexec_file_load,
];

/// What kills a worker besides: processes, signals and sockets. `execve` and `clone` have conditions.
pub const FATAL: &[c_long] = &[
    #[cfg(target_arch = "x86_64")]
    SYS_fork,
    #[cfg(target_arch = "x86_64")]
    SYS_vfork,
    SYS_execveat,
    SYS_kill,
    SYS_rt_sigqueueinfo,
    SYS_rt_tgsigqueueinfo,
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
    SYS_socket,
    SYS_socketpair,
];

/// What a worker may call whatever the arguments: memory, threads, files to read. Nothing that moves what the kernel keeps of files
/// (advice, read-ahead), tells what it keeps, counts what the machine does (`sysinfo`, `statfs`, `getrusage`), asks for another process by
/// its number, or holds bytes where nobody counts them (pipes, `memfd`, locked memory).
pub const WORKER: &[c_long] = &[
    // reading and writing what is open
    SYS_read,
    SYS_write,
    SYS_readv,
    SYS_writev,
    SYS_pread64,
    SYS_preadv,
    SYS_close,
    SYS_close_range,
    SYS_dup,
    SYS_dup3,
    SYS_ppoll,
    SYS_pselect6,
    // looking at files; Landlock holds what may be opened
    SYS_fstat,
    SYS_newfstatat,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_readlinkat,
    SYS_getdents64,
    SYS_getcwd,
    // memory
    SYS_brk,
    SYS_munmap,
    SYS_mremap,
    SYS_mprotect,
    SYS_membarrier,
    // threads
    SYS_futex,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_rseq,
    SYS_sched_yield,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_getcpu,
    SYS_exit,
    SYS_exit_group,
    SYS_restart_syscall,
    // its own signals
    SYS_rt_sigaction,
    SYS_rt_sigprocmask,
    SYS_rt_sigreturn,
    SYS_rt_sigpending,
    SYS_rt_sigtimedwait,
    SYS_rt_sigsuspend,
    SYS_sigaltstack,
    // time, to read and to wait
    SYS_nanosleep,
    SYS_gettimeofday,
    // who and where it is
    SYS_getpid,
    SYS_getppid,
    SYS_gettid,
    SYS_getuid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getegid,
    SYS_getgroups,
    SYS_getrlimit,
    SYS_getrandom,
    SYS_uname,
    #[cfg(target_arch = "x86_64")]
    SYS_arch_prctl,
    #[cfg(target_arch = "x86_64")]
    SYS_stat,
    #[cfg(target_arch = "x86_64")]
    SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    SYS_access,
    #[cfg(target_arch = "x86_64")]
    SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    SYS_dup2,
    #[cfg(target_arch = "x86_64")]
    SYS_poll,
    #[cfg(target_arch = "x86_64")]
    SYS_select,
    #[cfg(target_arch = "x86_64")]
    SYS_time,
    #[cfg(target_arch = "x86_64")]
    SYS_getdents,
];
