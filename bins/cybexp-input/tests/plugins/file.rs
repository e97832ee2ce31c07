//! `file`, with files that are written as programs write them, and rotated as logrotate and Cowrie rotate them.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use cybexp_input::status::InputState;
use serde_json::json;
use tempfile::TempDir;

use crate::harness::Input;

/// A log file in a folder of its own, and the input that follows it.
struct Log {
    folder: TempDir,
    input: Input,
}

impl Log {
    fn new() -> Self {
        Self::from("start")
    }

    fn from(begin: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({"path": folder.path().join("log"), "from": begin});
        Self {
            input: Input::new("file", settings),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> File {
        append(&self.path(name), text.as_bytes())
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).unwrap();
        // files that a rotation named in different ways are ordered by time alone, which is known to a few milliseconds
        std::thread::sleep(std::time::Duration::from_millis(20));
    }

    /// As logrotate's copytruncate does.
    fn copytruncate(&self, to: &str) {
        fs::copy(self.path("log"), self.path(to)).unwrap();
        let file = OpenOptions::new().write(true).open(self.path("log"));
        file.unwrap().set_len(0).unwrap();
    }

    async fn takes(&self, expected: &[&str]) {
        assert_eq!(self.input.wait_for(expected.len()).await, expected);
    }

    /// Runs until so much is taken, and dies.
    async fn crash_after(&self, expected: &[&str]) {
        let running = self.input.start().await;
        self.takes(expected).await;
        running.kill().await;
    }

    /// Runs until so much is taken, and stops; nothing more may come.
    async fn ends_with(&self, expected: &[&str]) {
        let running = self.input.start().await;
        self.takes(expected).await;
        // it has looked once more, and found nothing new
        tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
        running.stop().await.unwrap();
        assert_eq!(self.input.taken().await, expected);
    }
}

fn append(path: &Path, bytes: &[u8]) -> File {
    let mut file = OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
    file
}

#[tokio::test]
async fn lines_come_as_they_are_written() {
    let log = Log::new();
    log.write("log", "one\r\n\n  \ntwo\nth");
    let running = log.input.start().await;
    log.takes(&["one", "two"]).await;
    assert_eq!(log.input.now().state, InputState::Running);
    log.write("log", "ree\n\u{fffd}four");
    log.takes(&["one", "two", "three"]).await;
    running.kill().await;
    log.write("log", "\n");
    log.ends_with(&["one", "two", "three", "\u{fffd}four"])
        .await;
}

#[tokio::test]
async fn json_over_several_lines_is_one_record() {
    let log = Log::new();
    let pretty = "{\n \"eventid\": \"cowrie.command.input\",\n \"input\": \"ls [\\\"\"\n}";
    log.write(
        "log",
        &format!("{pretty}\n{{\"a\": 1}}\n\n{{\r\n}}\r\ntext\n"),
    );
    log.crash_after(&[pretty, "{\"a\": 1}", "{\r\n}", "text"])
        .await;
    // it is not complete yet, and read again from its begin after a crash
    log.write("log", "{\n \"b\": [\n");
    log.crash_after(&[pretty, "{\"a\": 1}", "{\r\n}", "text"])
        .await;
    log.write("log", "  1\n ]\n}\n");
    let all = [
        pretty,
        "{\"a\": 1}",
        "{\r\n}",
        "text",
        "{\n \"b\": [\n  1\n ]\n}",
    ];
    log.ends_with(&all).await;
    assert_eq!(log.input.now().errors, 0);
}

#[tokio::test]
async fn what_only_begins_like_json_comes_line_by_line() {
    let log = Log::new();
    let lines = [
        "{",
        "{\"a\": 1}",
        "[2026-11-21 10:00:00] started",
        "[",
        "[WARN] {",
        "{\"a\": [1,",
        "{\"b\": 2}",
        "}",
        "last",
    ];
    log.write("log", &(lines.join("\n") + "\n"));
    log.ends_with(&lines).await;
}

#[tokio::test]
async fn the_objects_of_a_list_are_records() {
    let log = Log::new();
    // as json.dump writes it, on one line or many, without a line end
    let objects = ["{\n  \"a\": 1.50\n }", "{\n  \"a\": [\n   2\n  ]\n }"];
    log.write("log", &format!("[\n {},\n {}\n]", objects[0], objects[1]));
    log.crash_after(&objects).await;
    log.write("log", "\n[{\"a\": 3}, {\"a\": 4}]");
    let all = [objects[0], objects[1], "{\"a\": 3}", "{\"a\": 4}"];
    log.ends_with(&all).await;
    // any other list is a record
    log.write("log", "\n[1, {\"a\": 5}]\n[]\n");
    let more = ["[1, {\"a\": 5}]", "[]"];
    log.ends_with(&[&all[..], &more].concat()).await;
}

#[tokio::test]
async fn json_that_is_too_long_is_left_out_once() {
    let log = Log::new();
    let line = format!(" \"{}\",\n", "x".repeat(1 << 20));
    let long = format!("[\n{}\"\"\n]\n", line.repeat(17));
    log.write("log", &format!("one\n{long}two\n{long}"));
    log.write("log", "{\n}\n");
    log.ends_with(&["one", "two", "{\n}"]).await;
    let now = log.input.now();
    assert_eq!(now.errors, 2);
    let error = now.last_error.unwrap();
    assert!(error.contains("is longer than 15 MiB"), "{error}");
}

#[tokio::test]
async fn bytes_are_kept_as_they_are() {
    let log = Log::new();
    append(
        &log.path("log"),
        b"caf\xe9 \xff\x00\x80\n{\"user\": \"\xfc\"}\n",
    );
    let running = log.input.start().await;
    log.input.wait_for(2).await;
    running.stop().await.unwrap();
    let id = log.input.known().await.id;
    let records = log.input.spool.next(id, 0, 10, 1 << 20).await.unwrap();
    assert_eq!(&records[0].data[..], b"caf\xe9 \xff\x00\x80");
    assert_eq!(&records[1].data[..], b"{\"user\": \"\xfc\"}");
}

#[tokio::test]
async fn a_file_that_is_missing_is_waited_for() {
    let log = Log::from("end");
    let running = log.input.start().await;
    cybexp_testkit::eventually("it says so", async || {
        log.input.now().state == InputState::Failing
    })
    .await;
    let error = log.input.now().last_error.unwrap();
    assert!(error.contains("/log: there is no such file"), "{error}");
    assert_eq!(log.input.now().errors, 1);
    running.kill().await;
    // it was not there at the first start: all of it is new
    log.write("log", "one\n");
    log.ends_with(&["one"]).await;
    assert_eq!(log.input.now().state, InputState::Running);
}

#[tokio::test]
async fn the_first_start_may_begin_at_the_end() {
    let log = Log::from("end");
    log.write("log", "old\nun");
    let running = log.input.start().await;
    cybexp_testkit::eventually("it looks", async || {
        log.input.now().state == InputState::Running
    })
    .await;
    running.kill().await;
    log.write("log", "finished\n");
    log.ends_with(&["unfinished"]).await;
}

#[tokio::test]
async fn a_renamed_file_is_read_to_its_end() {
    let log = Log::new();
    let mut old = log.write("log", "1\n2\n");
    let running = log.input.start().await;
    log.takes(&["1", "2"]).await;
    log.rename("log", "log.1");
    // its writer has not heard of it yet
    old.write_all(b"3\n").unwrap();
    log.takes(&["1", "2", "3"]).await;
    log.write("log", "5\n");
    old.write_all(b"4\n").unwrap();
    log.takes(&["1", "2", "3", "4", "5"]).await;
    running.stop().await.unwrap();
    log.ends_with(&["1", "2", "3", "4", "5"]).await;
}

#[tokio::test]
async fn rotations_while_it_is_away() {
    let log = Log::new();
    log.write("log.3", "long ago\n");
    log.write("log", "1\n");
    log.crash_after(&["1"]).await;
    log.write("log", "2\n");
    log.rename("log", "log.2026-11-19");
    log.write("log", "3\n4\n");
    log.rename("log", "log-20261120");
    log.write("log.bak", "no rotation\n");
    log.write("log", "5\n");
    log.crash_after(&["1", "2", "3", "4", "5"]).await;
    log.rename("log-20261120", "log.2");
    log.rename("log", "log.1");
    log.write("log", "6\n");
    log.ends_with(&["1", "2", "3", "4", "5", "6"]).await;
}

#[tokio::test]
async fn a_file_is_copied_and_truncated() {
    let log = Log::new();
    log.write("log", "1\n2\nun");
    let running = log.input.start().await;
    log.takes(&["1", "2"]).await;
    // between two looks, so that these stand in the copy alone
    append(&log.path("log"), b"finished\n3\n");
    log.copytruncate("log.1");
    // longer than what was read of it
    log.write("log", "4 and more than there was before\n");
    let all = [
        "1",
        "2",
        "unfinished",
        "3",
        "4 and more than there was before",
    ];
    log.takes(&all).await;
    running.kill().await;
    log.write("log", "5\n");
    log.rename("log.1", "log.2");
    log.copytruncate("log.1");
    log.write("log", "6\n");
    log.ends_with(&[&all[..], &["5", "6"]].concat()).await;
    assert_eq!(log.input.now().last_error, None);
}

#[tokio::test]
async fn a_file_is_replaced_and_emptied() {
    let log = Log::new();
    log.write("log", "1\n");
    let running = log.input.start().await;
    log.takes(&["1"]).await;
    log.write("new", "2\n");
    log.rename("new", "log");
    log.takes(&["1", "2"]).await;
    // truncated without a copy, and by a writer that goes on where it was
    File::create(log.path("log")).unwrap();
    let mut hole = OpenOptions::new()
        .write(true)
        .open(log.path("log"))
        .unwrap();
    std::io::Seek::seek(&mut hole, std::io::SeekFrom::Start(5000)).unwrap();
    hole.write_all(b"3\n").unwrap();
    log.takes(&["1", "2", "3"]).await;
    running.stop().await.unwrap();
    fs::remove_file(log.path("log")).unwrap();
    log.write("log", "4\n");
    log.ends_with(&["1", "2", "3", "4"]).await;
    let error = log.input.now().last_error.unwrap();
    assert!(error.contains("up to byte 5002 is gone"), "{error}");
}

#[tokio::test]
async fn a_line_that_a_rotation_splits() {
    let log = Log::new();
    log.write("log", "{\"a\":1}\n{\"b\":");
    log.crash_after(&["{\"a\":1}"]).await;
    log.rename("log", "log.2");
    // the first half is remembered, wherever it dies
    log.write("log", "\n");
    let running = log.input.start().await;
    let carried = async || {
        let cursor = log.input.known().await.cursor.unwrap();
        cursor.get("carry").is_some()
    };
    cybexp_testkit::eventually("it is carried", carried).await;
    running.kill().await;
    fs::remove_file(log.path("log.2")).unwrap();
    log.write("log", "2}\n{\"c\":");
    let mut all = vec!["{\"a\":1}", "{\"b\":2}"];
    log.crash_after(&all).await;
    // no half of the next one, and then one that is whole without a line end, and a text
    log.rename("log", "log.2");
    log.write("log", "{\"d\":4}\n{\"e\":5}");
    all.extend(["{\"c\":", "{\"d\":4}"]);
    log.crash_after(&all).await;
    log.rename("log", "log.1");
    log.write("log", "text");
    log.crash_after(&[&all[..], &["{\"e\":5}"]].concat()).await;
    log.rename("log", "log.0");
    log.write("log", "end\n");
    all.extend(["{\"e\":5}", "text", "end"]);
    log.ends_with(&all).await;
}

#[tokio::test]
async fn a_line_that_is_too_long_is_left_out() {
    let log = Log::new();
    let long = vec![b'x'; 17 << 20];
    log.write("log", "1\n");
    append(&log.path("log"), &long);
    let running = log.input.start().await;
    let told = async || log.input.now().last_error.is_some();
    cybexp_testkit::eventually("it says so", told).await;
    let error = log.input.now().last_error.unwrap();
    assert!(
        error.contains("/log: the line at byte 2 is longer than 15 MiB"),
        "{error}"
    );
    log.takes(&["1"]).await;
    running.kill().await;
    append(&log.path("log"), &long);
    log.write("log", "\n2\n");
    log.ends_with(&["1", "2"]).await;
}

#[tokio::test]
async fn what_is_no_file_is_not_read() {
    let log = Log::new();
    nix::unistd::mkfifo(&log.path("log"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let error = log.input.source().check().await.unwrap_err();
    assert!(
        format!("{error:#}").contains("/log: not a regular file"),
        "{error:#}"
    );
    fs::remove_file(log.path("log")).unwrap();
    log.write("log", "1\n");
    let found = log.input.source().check().await.unwrap();
    assert!(found.starts_with("2 bytes, last changed 20"), "{found}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_lines_with_crashes_and_rotations_on_the_way() {
    const FILES: usize = 5;
    const LINES: usize = 20_000;
    let log = Log::new();
    log.write("log", "first\n");
    log.crash_after(&["first"]).await;
    let writer = std::thread::spawn({
        let folder = log.folder.path().to_owned();
        move || {
            let path = folder.join("log");
            for file in 0..FILES {
                for part in 0..LINES / 500 {
                    let number = |line: usize| (file * LINES + part * 500 + line).to_string();
                    let lines: Vec<_> = (0..500).map(number).collect();
                    append(&path, (lines.join("\n") + "\n").as_bytes());
                }
                if file + 1 < FILES {
                    fs::rename(&path, folder.join(format!("log.{}", FILES - file))).unwrap();
                }
            }
        }
    });
    let all = 1 + FILES * LINES;
    let mut before = 1;
    while before < all {
        let running = log.input.start().await;
        let until = all.min(before + 9_000) as u64;
        let enough = async || log.input.known().await.counts.taken >= until;
        cybexp_testkit::eventually("more is taken", enough).await;
        running.kill().await;
        before = log.input.known().await.counts.taken as usize;
    }
    writer.join().unwrap();
    let taken = log.input.taken().await;
    assert_eq!(taken[0], "first");
    let numbers = taken[1..].iter().map(|line| line.parse::<usize>().unwrap());
    assert!(numbers.eq(0..FILES * LINES));
}

/// A measurement, not a test: `cargo test --release --test plugins hundred -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures"]
async fn hundred_thousand_lines() {
    const LINES: u64 = 100_000;
    let log = Log::new();
    let line = format!("{{\"eventid\":\"{}\"}}\n", "x".repeat(300));
    log.write("log", &line.repeat(LINES as usize));
    let start = std::time::Instant::now();
    let running = log.input.start().await;
    let all = async || log.input.now().taken >= LINES;
    cybexp_testkit::eventually("all is taken", all).await;
    println!("{LINES} lines in {:?}", start.elapsed());
    running.stop().await.unwrap();
}
