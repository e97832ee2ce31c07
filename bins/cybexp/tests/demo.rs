//! `cybexp demo`: its output, and that it leaves nothing behind, however it ends.

#![allow(
    clippy::unwrap_used,
    reason = "clippy sees helpers of a test as no test"
)]

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A point in the run of a demo.
#[derive(Debug, Clone, Copy)]
enum Point {
    /// A process of it has this on its command line.
    Process(&'static str),
    /// It has printed this.
    Said(&'static str),
}

/// The points at which a demo is interrupted, from its first process to its last line.
const POINTS: [Point; 7] = [
    Point::Process("--dbpath"),
    Point::Process("daemon api"),
    Point::Process("daemon report"),
    Point::Process("daemon input"),
    Point::Said("all up"),
    Point::Said("records collected"),
    Point::Said("What was made of it"),
];

struct Demo {
    child: Child,
    lines: BufReader<ChildStdout>,
    /// Its folder for temporary files, which all its processes name on their command lines.
    folder: TempDir,
}

impl Demo {
    fn start(args: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("cybexp-test-demo-")
            .tempdir()
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cybexp"))
            .arg("demo")
            .args(args)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Self {
            child,
            lines,
            folder,
        }
    }

    /// Waits until the demo has reached the point.
    fn reach(&mut self, point: Point) {
        match point {
            Point::Process(text) => {
                while !processes(self.folder.path())
                    .iter()
                    .any(|(_, line)| line.contains(text))
                {
                    assert!(
                        self.child.try_wait().unwrap().is_none(),
                        "it ended without `{text}`"
                    );
                    std::thread::sleep(Duration::from_millis(2));
                }
            }
            Point::Said(text) => loop {
                let mut line = String::new();
                let bytes = self.lines.read_line(&mut line).unwrap();
                assert!(bytes > 0, "it ended without `{text}`");
                if line.contains(text) {
                    return;
                }
            },
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }

    /// Waits for the end of the demo and all its processes, and returns the exit status and the rest of the output.
    fn end(mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let status = self.child.wait().unwrap();
        let since = Instant::now();
        loop {
            let processes = processes(self.folder.path());
            let files: Vec<_> = fs::read_dir(self.folder.path()).unwrap().collect();
            if processes.is_empty() && files.is_empty() {
                return (status, rest);
            }
            let left = format!("{processes:?} {files:?}");
            assert!(
                since.elapsed() < Duration::from_secs(60),
                "left behind: {left}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Ids and command lines of the processes that name this folder.
fn processes(folder: &Path) -> Vec<(u32, String)> {
    let folder = folder.to_str().unwrap();
    let pids = fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        line.contains(folder).then_some((pid, line))
    })
    .collect()
}

/// Addresses in hex, as `/proc/net/tcp` has them, on which these processes listen.
fn listening(pids: impl Iterator<Item = u32>) -> Vec<String> {
    let mut sockets = HashSet::new();
    for pid in pids {
        for fd in fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let target = fs::read_link(fd.path()).unwrap_or_default();
            let target = target.to_string_lossy();
            sockets.extend(
                target
                    .strip_prefix("socket:[")
                    .map(|inode| inode.replace(']', "")),
            );
        }
    }
    let mut addresses = Vec::new();
    for table in [
        "/proc/net/tcp",
        "/proc/net/tcp6",
        "/proc/net/udp",
        "/proc/net/udp6",
    ] {
        for line in fs::read_to_string(table)
            .unwrap_or_default()
            .lines()
            .skip(1)
        {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A: LISTEN, 07: of UDP, that it is bound
            if sockets.contains(fields[9]) && matches!(fields[3], "0A" | "07") {
                addresses.push(fields[1].to_owned());
            }
        }
    }
    addresses
}

#[test]
fn it_shows_the_suite_at_work_and_leaves_nothing_behind() {
    let (status, said) = Demo::start(&["--exit"]).end();
    println!("{said}");
    assert_eq!(status.code(), Some(0));
    for expected in [
        "input, api, archive, analytics, report, web: all up",
        "737 records collected by the inputs",
        "8 records of an analyst posted",
        "│ honeypots ┆ file ",
        "│ london    ┆ websocket ",
        "│ phishing  ┆ openphish ",
        "opened, archived and made into a graph",
        "│ raw       ┆ cowrie ",
        "│ session   ┆ cowrie_session ",
        "│ event     ┆ sighting ",
        "┆ session is missing ",
        "POST /query {",
        "25 events hold http://login.bank-verify.example/kit/update.sh",
        "login.bank-verify.example (",
        "email event",
        "misp event",
        "sighting event",
        "file_download event",
        "cowrie_session session",
        "attacker object",
        "sessions settled",
        "│ 203.0.113.45     ┆",
        "┆ XD      ┆ Bulletproof Example ┆",
        "┆ only connects ",
        "┆ known good ",
        "203.0.113.0/24 holds 5 addresses",
        "sessions at london, osaka, reno",
        "192.0.2.70 is a search engine",
        "docs/ARCHITECTURE.md",
    ] {
        assert!(said.contains(expected), "`{expected}` is missing");
    }
    let (_, second) = said.split_once("Where do they come from?").unwrap();
    let shown = second.lines().filter(|line| !line.contains("POST /query"));
    let widest = shown.map(|line| line.chars().count()).max();
    assert!(widest <= Some(80), "{widest:?} columns");
    assert!(!said.contains('\x1b'), "no colours where no terminal is");
}

#[test]
fn it_listens_on_loopback_alone_and_stops_when_interrupted() {
    let mut demo = Demo::start(&[]);
    demo.reach(Point::Said("The suite stays up until Ctrl-C"));
    let processes = processes(demo.folder.path());
    let programs = |name: &str| {
        processes
            .iter()
            .filter(|(_, line)| line.contains(name))
            .count()
    };
    assert_eq!(
        (programs("daemon archive"), programs("daemon report")),
        (1, 1),
        "{processes:?}"
    );
    let pids = processes
        .iter()
        .map(|(pid, _)| *pid)
        .chain([demo.child.id()]);
    let addresses = listening(pids);
    assert!(!addresses.is_empty(), "MongoDB listens");
    for address in addresses {
        // 127.0.0.0/8 in the machine's own byte order, or ::1
        let loopback = u32::from_be_bytes([127, 0, 0, 1]).swap_bytes();
        let ipv6 = "00000000000000000000000001000000:";
        let ipv4 = format!("{loopback:08X}:");
        assert!(
            address.starts_with(&ipv4) || address.starts_with(ipv6),
            "{address}"
        );
    }
    // and all that it made is right
    let config = fs::read_dir(demo.folder.path()).unwrap().flatten();
    let mut config = config.map(|entry| entry.path().join("config.json"));
    let config = config.find(|file| file.exists()).unwrap();
    let verified = Command::new(env!("CARGO_BIN_EXE_cybexp"))
        .args(["verify", "--settle", "1", "--config"])
        .arg(config)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&verified.stdout).into_owned();
    assert_eq!(verified.status.code(), Some(0), "{said}");
    assert!(said.contains("all is right"), "{said}");
    demo.signal(Signal::SIGINT);
    assert_eq!(demo.end().0.code(), Some(0));
}

#[test]
fn interrupted_at_any_point_it_clears_up() {
    for (point, signal) in POINTS
        .into_iter()
        .zip([Signal::SIGINT, Signal::SIGTERM].into_iter().cycle())
    {
        let mut demo = Demo::start(&["--exit"]);
        demo.reach(point);
        demo.signal(signal);
        assert_eq!(demo.end().0.code(), Some(0), "{point:?}");
    }
}

#[test]
fn killed_at_any_point_it_leaves_nothing_behind() {
    for point in POINTS {
        let mut demo = Demo::start(&["--exit"]);
        demo.reach(point);
        demo.signal(Signal::SIGKILL);
        assert_eq!(demo.end().0.code(), None, "{point:?}");
    }
}
