//! Messages as programs print them, and what is made of them.

use super::*;

const HOME: &str = "/home/me";
const PRIVATE: &str = "/state/private";

/// What is on the machine of these tests.
fn there(path: &Path) -> Option<There> {
    let dirs = [
        "/",
        "/home",
        "/home/me",
        "/home/me/.cache",
        "/home/me/.cache/huggingface",
        "/home/me/data set",
        "/data",
        "/mnt",
        "/out",
        "/home/me/repo",
        "/home/me/repo/node_modules",
        "/home/me/.ssh",
        "/usr",
        "/usr/bin",
        "/state/slots/a/tree",
        "/dev",
    ];
    let files = [
        "/data/train.bin",
        "/home/me/data set/a.csv",
        "/home/me/.ssh/id_ed25519",
        "/state/slots/a/tree/run.sh",
        "/bin/sh",
        "/usr/bin/python3",
        "/dev/nvidiactl",
        "/dev/dri",
        "/dev/kfd",
        "/dev/video0",
        "/home/me/repo/.venv/bin/python",
        "/home/me/tools/bin/cc1",
        "/state/slots/a/tree/out.txt",
        "/etc/shadow",
        "/home/me/repo/.git/piton/ledger.db",
    ];
    match path.to_str()? {
        path if dirs.contains(&path) => Some(There::Dir),
        path if files.contains(&path) => Some(There::File),
        "/run/docker.sock" => Some(There::Socket),
        _ => None,
    }
}

/// What is made of a text, behind the walls of a section with nothing opened.
fn of(section: &str, text: &str) -> Vec<Denied> {
    of_machine(section, text, true)
}

fn of_machine(section: &str, text: &str, gives: bool) -> Vec<Denied> {
    let read = ["/usr", "/bin", "/lib", "/state/slots/a/tree", "/proc", "/etc/passwd"].map(PathBuf::from);
    let write = [PathBuf::from(PRIVATE)];
    let behind = Behind {
        section,
        read: &read,
        write: &write,
        network: false,
        loopback: false,
        shared_memory: gives,
        terminals: gives,
        can_loop: gives,
        home: Path::new(HOME),
        private: Path::new(PRIVATE),
        checkout: Path::new("/home/me/repo"),
        there: &there,
        variable: &|name| name == "LD_LIBRARY_PATH",
    };
    denied(text, &behind)
}

fn lines(text: &str) -> Vec<String> {
    opening(&of("measure", text))
}

#[test]
fn a_path_is_found_in_the_message_of_every_language() {
    let read = ["read = [\"/data/train.bin\"]"];
    for text in [
        "PermissionError: [Errno 13] Permission denied: '/data/train.bin'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/data/train.bin'",
        "Error: EACCES: permission denied, open '/data/train.bin'",
        "Error: ENOENT: no such file or directory, open '/data/train.bin'\n    at Object.openSync (node:fs:573:18)\n\nNode.js v20.20.2",
        "Error: could not read /data/train.bin: Permission denied (os error 13)",
        "thread 'main' panicked at src/main.rs:3:5:\ncalled `Result::unwrap()` on an `Err` value: \"/data/train.bin\": Os { code: 13, kind: PermissionDenied, message: \"Permission denied\" }",
        "panic: open /data/train.bin: permission denied",
        "2026/11/26 07:00:00 open /data/train.bin: no such file or directory\nexit status 1",
        "cc1: fatal error: /data/train.bin: Permission denied\ncompilation terminated.",
        "main.c:1:10: fatal error: /data/train.bin: No such file or directory",
        "ld: cannot open /data/train.bin: Permission denied",
        "Exception in thread \"main\" java.nio.file.AccessDeniedException: /data/train.bin",
        "java.io.FileNotFoundException: /data/train.bin (Permission denied)",
        "java.nio.file.NoSuchFileException: /data/train.bin",
        "/bin/sh: 1: cannot open /data/train.bin: Permission denied",
        "/state/slots/a/tree/run.sh: line 3: /data/train.bin: Permission denied",
        "cat: /data/train.bin: Permission denied",
        "ls: cannot access '/data/train.bin': No such file or directory",
        "cat: \u{2018}/data/train.bin\u{2019}: Permission denied",
        "Traceback (most recent call last):\nopen(file:///data/train.bin): Permission denied",
        "Could not open file:/data/train.bin: No such file or directory",
        "error: failed to open `/data/train.bin`: Permission denied (os error 13)",
        "terminate called after throwing an instance of 'std::filesystem::filesystem_error'\n  what():  filesystem error: cannot open: Permission denied [/data/train.bin]",
        "Error in file(con, \"r\") : cannot open file '/data/train.bin': Permission denied",
        "Errno::EACCES: Permission denied @ rb_sysopen - /data/train.bin",
        "Can't open perl script \"/data/train.bin\": Permission denied",
        "System.UnauthorizedAccessException: Access denied to the path '/data/train.bin'.",
    ] {
        assert_eq!(lines(text), read, "{text}");
    }
    assert_eq!(
        lines("PermissionError: [Errno 13] Permission denied: '/home/me/data set/a.csv'"),
        ["read = [\"~/data set/a.csv\"]"]
    );
}

#[test]
fn a_place_to_write_is_told_from_one_to_read() {
    for text in [
        "OSError: [Errno 30] Read-only file system: '/out/result.json'",
        "touch: cannot touch '/out/result.json': Read-only file system",
        "mkdir: cannot create directory \u{2018}/out/new\u{2019}: Permission denied",
        "/bin/sh: 2: cannot create /out/result.json: Directory nonexistent",
        "Error: EROFS: read-only file system, mkdir '/out/new'",
        "open /out/new: read-only file system",
        "with open('/out/new', 'w') as f:\nFileNotFoundError: [Errno 2] No such file or directory: '/out/new'",
    ] {
        assert_eq!(lines(text), ["write = [\"/out\"]"], "{text}");
    }
    // The tree itself, where it may only be read.
    assert_eq!(
        lines("OSError: [Errno 30] Read-only file system: '/state/slots/a/tree/out.txt'"),
        ["write = [\"/state/slots/a/tree/out.txt\"]"]
    );
}

#[test]
fn what_is_missing_or_closed_for_another_reason_is_not_blamed_on_the_walls() {
    for text in [
        "FileNotFoundError: [Errno 2] No such file or directory: 'data.csv'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/no/such/file'",
        "cat: /state/slots/a/tree/none: No such file or directory",
        "/bin/sh: 1: /state/slots/a/tree/run.sh: Permission denied",
        "sh: 1: tool: not found",
        "ls: cannot access '/state/private/tmp123': No such file or directory",
        "AssertionError: 1 != 2",
        "error[E0425]: cannot find value `z`\n --> src/main.rs:3:5",
        "",
    ] {
        assert_eq!(of("measure", text), [], "{text}");
    }
}

#[test]
fn the_users_home_directory_is_told_from_the_jobs_own() {
    let found = of("measure", "ls: cannot access '/state/private/.cache': No such file or directory");
    assert_eq!(opening(&found), ["read = [\"~/.cache\"]"]);
    let text = words(&found, "measure").unwrap();
    assert!(text.contains("{home}/.cache") && text.contains("behind piton's walls"), "{text}");
}

#[test]
fn credentials_and_whole_home_directories_are_never_proposed() {
    for text in [
        "PermissionError: [Errno 13] Permission denied: '/home/me/.ssh/id_ed25519'",
        "cat: /etc/shadow: Permission denied",
        "cat: /home/me/repo/.git/piton/ledger.db: Permission denied",
        "ls: cannot open directory '/home/me': Permission denied",
        "ls: cannot open directory '/': Permission denied",
        "connect: /run/docker.sock: permission denied",
    ] {
        assert_eq!(lines(text), [""; 0], "{text}");
    }
    assert_eq!(of("measure", "cat: /etc/shadow: Permission denied").len(), 1);
}

#[test]
fn what_the_machine_has_once_for_everybody_is_opened_by_keys_of_its_own() {
    let pool = "  File \"/usr/lib/python3.11/multiprocessing/synchronize.py\", line 57, in __init__\n    sl = self._semlock = _multiprocessing.SemLock(\nPermissionError: [Errno 13] Permission denied";
    assert_eq!(opening(&of_machine("measure", pool, false)), ["shared_memory = true"]);
    let memory = "PermissionError: [Errno 13] Permission denied: '/dev/shm/psm_1'";
    assert_eq!(opening(&of_machine("measure", memory, false)), ["shared_memory = true"]);
    let terminal =
        "    os.openpty()\nOSError: out of pty devices\nPermissionError: [Errno 13] Permission denied";
    assert!(words(&of_machine("measure", terminal, false), "measure").unwrap().contains("terminals"));
    let socket = "  File \"/usr/lib/python3.11/socket.py\", line 232, in __init__\n    _socket.socket.__init__(self, family, type, proto, fileno)\nPermissionError: [Errno 1] Operation not permitted";
    assert_eq!(lines(socket), ["loopback = true"]);
    assert_eq!(opening(&of_machine("measure", socket, false)), ["network = true"]);
    for text in [
        "Error: listen EPERM: operation not permitted 127.0.0.1",
        "listen tcp 127.0.0.1:0: socket: operation not permitted",
        "java.net.SocketException: Operation not permitted",
        "connect to localhost port 80: Failed to connect to localhost",
    ] {
        assert_eq!(lines(text), ["loopback = true"], "{text}");
    }
    assert_eq!(lines("RuntimeError: /dev/nvidiactl: Permission denied"), ["devices = [\"nvidia\"]"]);
    assert_eq!(lines("open /dev/kfd: no such file or directory"), ["devices = [\"amd\"]"]);
    assert_eq!(lines("cannot open /dev/video0: Permission denied"), ["devices = [\"/dev/video0\"]"]);
    let name = "PermissionError: [Errno 13] Permission denied: '/proc/self/comm'";
    assert!(words(&of("measure", name), "measure").unwrap().contains("prctl"));
    assert!(
        words(
            &of("measure", "fatal: not a git repository (or any of the parent directories): .git"),
            "measure"
        )
        .unwrap()
        .contains("git describe")
    );
}

#[test]
fn the_network_is_opened_for_what_needs_it() {
    for text in [
        "curl: (6) Could not resolve host: example.org",
        "urllib.error.URLError: <urlopen error [Errno -3] Temporary failure in name resolution>",
        "npm error code EAI_AGAIN",
        "dial tcp: lookup proxy.golang.org: no such host",
        "java.net.UnknownHostException: repo.maven.org",
        "failed to lookup address information: Temporary failure in name resolution",
        "OSError: [Errno 101] Network is unreachable",
    ] {
        let found = of("build", text);
        assert_eq!(opening(&found), ["network = true"], "{text}");
        assert!(words(&found, "build").unwrap().contains("fetch = [...]"));
        assert!(!words(&of("measure", text), "measure").unwrap().contains("fetch"));
    }
}

#[test]
fn what_git_ignores_in_the_checkout_is_named() {
    let text = "Error: Cannot find module 'dep'\nRequire stack:\n- /state/slots/a/tree/[eval]";
    assert_eq!(lines(text), ["read = [\"~/repo/node_modules\"]"]);
    assert!(words(&of("measure", text), "measure").unwrap().contains("NODE_PATH"));
    assert_eq!(of("measure", "Error: Cannot find module './dep'"), []);
    let python = words(&of("measure", "ModuleNotFoundError: No module named 'numpy'"), "measure").unwrap();
    assert!(python.contains("/home/me/repo/.venv/bin/python"), "{python}");
}

#[test]
fn several_refusals_become_one_line_for_each_key() {
    let text = "cat: /data/train.bin: Permission denied\ncat: '/home/me/data set/a.csv': Permission denied\ncat: /data/train.bin: Permission denied\ntouch: cannot touch '/out/x': Read-only file system";
    assert_eq!(lines(text), ["read = [\"/data/train.bin\", \"~/data set/a.csv\"]", "write = [\"/out\"]"]);
}

#[test]
fn a_refusal_without_a_name_is_said_to_have_been_behind_walls() {
    let found =
        of("build", "Error: Os { code: 1, kind: PermissionDenied, message: \"Operation not permitted\" }");
    assert!(words(&found, "build").unwrap().starts_with("it ran behind piton's walls"));
}
