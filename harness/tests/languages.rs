//! A worker may be written in anything that can be executed: the libraries that it is linked to are found, and nothing else is open.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::Fixture;

/// Answers every request with token 40, and computes each in a thread of its own. Ends by unwinding its stack.
const C: &str = r#"
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void put(uint32_t kind, uint32_t seq, uint64_t nonce, uint32_t token) {
    unsigned char frame[20];
    memcpy(frame, &kind, 4); memcpy(frame + 4, &seq, 4); memcpy(frame + 8, &nonce, 8); memcpy(frame + 16, &token, 4);
    fwrite(frame, 1, 20, stdout); fflush(stdout);
}
static void *think(void *token) { *(uint32_t *)token = (uint32_t)(39 + cos(0)); pthread_exit(NULL); }
int main(int argc, char **argv) {
    char path[4096]; snprintf(path, sizeof path, "%s/config.json", argv[1]);
    FILE *config = fopen(path, "r");
    if (!config || argc != 2) return 5;
    fclose(config);
    put(0x724e5450, 0, 0, 0);
    unsigned char head[20];
    while (fread(head, 1, 20, stdin) == 20) {
        uint32_t most, n, token; uint64_t nonce;
        memcpy(&most, head + 4, 4); memcpy(&nonce, head + 8, 8); memcpy(&n, head + 16, 4);
        unsigned char *ids = malloc(4 * (size_t)n);
        if (fread(ids, 4, n, stdin) != n) return 6;
        free(ids);
        for (uint32_t seq = 0; seq < most; seq++) {
            pthread_t thread;
            if (pthread_create(&thread, NULL, think, &token)) return 7;
            pthread_join(thread, NULL);
            put(0x744e5450, seq, nonce, token);
        }
    }
    return 0;
}
"#;

const PYTHON: &str = r#"
import json, os, struct, sys, threading
json.load(open(os.path.join(sys.argv[1], "config.json")))
take, give = sys.stdin.buffer, sys.stdout.buffer
def put(*frame):
    give.write(struct.pack("<IIQI", *frame))
    give.flush()
put(0x724E5450, 0, 0, 0)
while head := take.read(20):
    _, most, nonce, n = struct.unpack("<IIQI", head)
    take.read(4 * n)
    worker = threading.Thread(target=lambda: [put(0x744E5450, seq, nonce, 40) for seq in range(most)])
    worker.start()
    worker.join()
"#;

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

fn script(fixture: &Fixture, interpreter: &str) -> PathBuf {
    let path = fixture.path().join("script");
    fs::write(&path, format!("#!{interpreter}\n{PYTHON}")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn a_program_in_c_with_threads_and_libraries_is_measured() {
    let fixture = Fixture::usual();
    let (source, program) = (fixture.path().join("worker.c"), fixture.path().join("worker"));
    fs::write(&source, C).unwrap();
    let mut compiler = Command::new("cc");
    if output(compiler.args(["-O1", "-o"]).arg(&program).arg(&source).args(["-lm", "-lpthread"])).is_none() {
        println!("skipped: there is no C compiler here");
        return;
    }
    let (status, object) = fixture.sample(&program, &[]);
    assert_eq!((status, object["outcome"].as_str()), (0, Some("measured")), "{object}");
}

#[test]
fn a_script_is_measured_where_it_is_given_its_interpreters_library_and_finds_nothing_without() {
    let stdlib = "import sys, sysconfig; print(sys.executable, sysconfig.get_path('stdlib'), sysconfig.get_path('platstdlib'))";
    let Some(found) = output(Command::new("python3").args(["-c", stdlib])) else {
        println!("skipped: there is no python3 here");
        return;
    };
    let fixture = Fixture::usual();
    let words: Vec<&str> = found.split_whitespace().collect();
    let script = script(&fixture, &format!("{} -IS", words[0]));
    let real = |path: &str| Path::new(path).canonicalize().unwrap().to_str().unwrap().to_owned();
    let (stdlib, platform) = (real(words[1]), real(words[2]));
    let given = ["--worker-read", &stdlib, "--worker-read", &platform];
    let (status, object) = fixture.sample(&script, &given);
    assert_eq!((status, object["outcome"].as_str()), (0, Some("measured")), "{object}");
    assert_eq!(fixture.sample(&script, &[]).1["outcome"], "crashed");
    let (status, object) = fixture.sample(&script, &["--worker-read", "/no/such/library"]);
    assert_eq!((status, object["outcome"].as_str()), (2, Some("bad_setup")), "{object}");
}
