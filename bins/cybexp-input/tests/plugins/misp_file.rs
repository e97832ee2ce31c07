//! `misp_file`, with files as MISP, PyMISP and people leave them in a folder.

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::harness::Input;

struct Folder {
    folder: TempDir,
    input: Input,
}

impl Folder {
    fn new() -> Self {
        Self::with(1 << 30)
    }

    fn with(spool_max_bytes: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = json!({"path": folder.path()});
        Self {
            input: Input::with("misp_file", settings, spool_max_bytes),
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// As if it had been written a minute ago.
    fn write_old(&self, name: &str, text: &str) {
        self.write(name, text);
        let then = SystemTime::now() - Duration::from_secs(60);
        File::open(self.path(name))
            .unwrap()
            .set_modified(then)
            .unwrap();
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
        let mut names: Vec<_> = entries.map(|entry| name(entry.unwrap())).collect();
        names.sort();
        names
    }
}

fn event(number: usize) -> String {
    format!("{{\"Event\":{{\"uuid\":\"{number}\",\"info\":\"\\u00e4 1.50\", \"date\" : 1e0}}}}")
}

fn bare(number: usize) -> String {
    let event = event(number);
    event["{\"Event\":".len()..event.len() - 1].to_owned()
}

#[tokio::test]
async fn every_shape_of_an_export() {
    let folder = Folder::new();
    folder.write("1.json", &event(1));
    folder.write("2.json", &format!("\u{feff} {} \n", bare(2)));
    folder.write("3.json", &format!("[{}, {}]", event(3), bare(4)));
    let response = format!(
        "{{\"errors\": [], \"response\": [{},\n{}], \"x\": 1}}",
        event(5),
        event(6)
    );
    folder.write("4.json", &response);
    // beside what else lies there
    folder.write("manifest.json", "{\"7\":{\"info\":\"\"}}");
    folder.write("hashes.csv", "d41d8cd98f00b204e9800998ecf8427e,1");
    folder.write("1.json.taken", "before");
    fs::create_dir(folder.path("folder.json")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.path("link.json")).unwrap();
    nix::unistd::mkfifo(&folder.path("fifo.json"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let found = folder.input.source().check().await.unwrap();
    assert_eq!(found, "4 files to take");

    folder.input.fetch().await.unwrap();
    let expected: Vec<_> = (1..=6).map(event).collect();
    assert_eq!(folder.input.taken().await, expected);
    let names = [
        "1.json.taken",
        "1.json.taken.1",
        "2.json.taken",
        "3.json.taken",
        "4.json.taken",
        "fifo.json",
        "folder.json",
        "hashes.csv",
        "link.json",
        "manifest.json",
    ];
    assert_eq!(folder.names(), names);
    assert_eq!(folder.input.now().last_error, None);

    // whoever wants it taken again gives it its name back
    fs::rename(folder.path("1.json.taken.1"), folder.path("1.json")).unwrap();
    folder.input.fetch().await.unwrap();
    assert_eq!(folder.input.taken().await.last(), Some(&event(1)));
}

#[tokio::test]
async fn broken_files_are_set_aside() {
    let folder = Folder::new();
    let cut = format!("[{},\n{{\"Event\":", event(1));
    folder.write("1.json", &cut);
    folder.write_old("2.json", "{\"saved_searches\": 1}");
    folder.write_old("3.json", &format!("[{}, 7, {}]", event(2), event(3)));
    folder.write_old("4.json", "{\"response\": {\"Attribute\": []}}");
    folder.write_old("5.json", "");
    folder.input.fetch().await.unwrap();
    assert_eq!(folder.input.taken().await, [event(2), event(3)]);
    let names = [
        "1.json",
        "2.json.bad",
        "3.json.taken",
        "4.json.bad",
        "5.json.bad",
    ];
    assert_eq!(folder.names(), names);
    assert_eq!(folder.input.now().errors, 4);

    // one that was being written is complete a little later; or never
    folder.write_old("0.json", &cut);
    folder.write("1.json", &format!("[{},\n{}]", event(1), event(4)));
    folder.input.fetch().await.unwrap();
    let all = [event(2), event(3), event(1), event(4)];
    assert_eq!(folder.input.taken().await, all);
    let error = folder.input.now().last_error.unwrap();
    assert!(error.contains("/0.json: EOF while parsing"), "{error}");
    assert!(
        error.contains("line 2 column 9; nothing of it was taken"),
        "{error}"
    );
}

#[tokio::test]
async fn an_event_that_is_too_long_is_left_out() {
    let folder = Folder::new();
    let long = event(2).replace("1.50", &"x".repeat(15 << 20));
    folder.write("1.json", &format!("[{},{long},{}]", event(1), event(3)));
    folder.write("2.json", &long);
    folder.input.fetch().await.unwrap();
    assert_eq!(folder.input.taken().await, [event(1), event(3)]);
    // the second one has nothing that was taken
    assert_eq!(folder.names(), ["1.json.taken", "2.json.bad"]);
    let error = folder.input.now().last_error.unwrap();
    assert!(
        error.contains("what describes it is longer than 4 MiB; nothing of it was taken"),
        "{error}"
    );
    assert_eq!(folder.input.now().errors, 2);
    let found = folder.input.source().check().await.unwrap();
    assert_eq!(found, "0 files to take, 1 set aside as .bad");
    // nor has a list without an event
    folder.write("3.json", "[7, {}]");
    folder.input.fetch().await.unwrap();
    assert_eq!(folder.names()[2], "3.json.bad");
}

#[tokio::test]
async fn an_event_that_is_too_large_for_a_record_becomes_several() {
    let folder = Folder::new();
    let attribute = |n: usize| json!({"type": "domain", "value": format!("d{n}.example"), "comment": "x".repeat(100)});
    let attributes: Vec<_> = (0..150_000).map(attribute).collect();
    let large = json!({"Event": {"uuid": "a", "info": "a feed", "Attribute": attributes}});
    let large = large.to_string();
    assert!(large.len() > 21 << 20);
    folder.write("1.json", &format!("[{},{large},{}]", event(1), event(3)));
    folder.input.fetch().await.unwrap();
    assert_eq!(folder.names(), ["1.json.taken"]);
    assert_eq!(folder.input.now().last_error, None);
    let taken = folder.input.taken().await;
    let [first, parts @ .., last] = &taken[..] else {
        panic!("there are records");
    };
    assert_eq!((first, last), (&event(1), &event(3)));
    assert!(parts.len() > 4 && parts.iter().all(|part| part.len() < 5 << 20));
    let values = parts.iter().flat_map(|part| {
        let part: serde_json::Value = serde_json::from_str(part).unwrap();
        assert_eq!(part["Event"]["info"], "a feed");
        part["Event"]["Attribute"].as_array().unwrap().clone()
    });
    assert!(values.eq((0..150_000).map(attribute)));
}

#[tokio::test]
async fn a_crash_in_the_middle_of_a_file() {
    const EVENTS: usize = 4500;
    // room for less than half of it
    let folder = Folder::with(300 << 10);
    let events: Vec<_> = (0..EVENTS).map(event).collect();
    folder.write(
        "1.json",
        &format!("{{\"response\": [{}]}}", events.join(",")),
    );
    folder.write("2.json", &event(EVENTS));
    let (mut taken, mut rounds) = (Vec::new(), 0);
    while folder.names() != ["1.json.taken", "2.json.taken"] {
        let running = folder.input.start().await;
        let id = folder.input.known().await.id;
        let before = taken.len() as u64;
        cybexp_testkit::eventually("it is full or done", async || {
            let spooled = folder.input.known().await.spooled;
            spooled > 1000
                || before + spooled > EVENTS as u64 && folder.names()[1] == "2.json.taken"
        })
        .await;
        running.kill().await;
        // posted
        taken.extend(folder.input.taken().await);
        for record in folder
            .input
            .spool
            .next(id, 0, EVENTS * 2, 1 << 30)
            .await
            .unwrap()
        {
            folder.input.spool.posted(id, record.id);
        }
        rounds += 1;
    }
    assert!(rounds > 1);
    assert_eq!(taken[..EVENTS], events);
    assert_eq!(taken[EVENTS..], [event(EVENTS)]);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_file() {
    let folder = Folder::new();
    folder.write("1.json", &format!("[{}]", vec![event(1); 2500].join(",")));
    let stop = CancellationToken::new();
    let sink = folder.input.sink(&stop).await;
    stop.cancel();
    folder.input.source().fetch(&sink).await.unwrap();
    assert_eq!(folder.names(), ["1.json"]);
    folder.input.fetch().await.unwrap();
    assert_eq!(folder.input.taken().await.len(), 2500);
}
