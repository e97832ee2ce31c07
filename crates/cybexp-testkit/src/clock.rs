//! A clock that jumps: a small library, loaded before others, that adds to the time of a process what a file says.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Overrides the calls that tell the time of day. The monotonic clock stays as it is.
const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long jump(void) {
    const char *file = getenv("JUMP_FILE");
    char text[32] = {0};
    if (!file) return 0;
    int of = open(file, O_RDONLY | O_CLOEXEC);
    if (of < 0) return 0;
    long length = read(of, text, sizeof text - 1);
    close(of);
    return length > 0 ? atol(text) : 0;
}

int clock_gettime(clockid_t clock, struct timespec *at) {
    int result = syscall(SYS_clock_gettime, clock, at);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) at->tv_sec += jump();
    return result;
}

int gettimeofday(struct timeval *restrict at, void *restrict zone) {
    struct timespec exact;
    (void)zone;
    int result = clock_gettime(CLOCK_REALTIME, &exact);
    if (result == 0 && at) { at->tv_sec = exact.tv_sec; at->tv_usec = exact.tv_nsec / 1000; }
    return result;
}

time_t time(time_t *into) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    if (into) *into = exact.tv_sec;
    return exact.tv_sec;
}
"#;

/// A clock for the daemons of a test, in a folder of the test.
pub struct JumpingClock {
    library: PathBuf,
    file: PathBuf,
}

impl JumpingClock {
    /// Builds the library with the compiler that also links the tests.
    ///
    /// # Panics
    /// If there is none.
    pub fn build(folder: &Path) -> Self {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        std::fs::write(&source, SOURCE).expect("the folder takes files");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O2", "-o"])
            .args([&library, &source])
            .status();
        let built = built.expect("cc links the tests, so it is there");
        assert!(built.success(), "cc refuses the clock");
        let clock = Self {
            library,
            file: folder.join("jump"),
        };
        clock.jump(0);
        clock
    }

    /// Sets how far the clock is off, in seconds.
    pub fn jump(&self, seconds: i64) {
        // renamed, for a reader must never see half of it
        let new = self.file.with_extension("new");
        std::fs::write(&new, seconds.to_string()).expect("the folder takes files");
        std::fs::rename(&new, &self.file).expect("the folder takes files");
    }

    /// Returns the arguments of `env` that give a program this clock.
    pub fn env(&self) -> [String; 2] {
        [
            format!("LD_PRELOAD={}", self.library.display()),
            format!("JUMP_FILE={}", self.file.display()),
        ]
    }
}
