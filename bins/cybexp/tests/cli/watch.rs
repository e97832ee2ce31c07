//! `cybexp watch` as a person uses it: subscriptions, and new events as they come in.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use cybexp_testkit::{Daemon, eventually, now};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::{CYBEXP, SiteWithApi, json_of, run};

/// A log-in of this address and password, with values that attackers would write.
fn login(address: &str, password: &str) -> String {
    let record = json!({
        "eventid": "cowrie.login.failed", "session": "8d0c", "src_ip": address, "sensor": "london",
        "username": "root", "password": password, "timestamp": now(),
    });
    record.to_string()
}

fn post(up: &SiteWithApi, address: &str, password: &str) {
    let file = up.file("record.json", login(address, password));
    up.run(&["post", "-t", "cowrie", "-o", "unr", "--whole", &file])
        .good();
}

/// Runs a command in a terminal of 80 columns, and returns all that it prints.
fn terminal(up: &SiteWithApi, args: &[&str]) -> String {
    let mut command = Command::new(CYBEXP);
    command.env("CYBEXP_CONFIG", &up.site.config);
    command.env("COLUMNS", "80").env_remove("CYBEXP_TOKEN");
    let output = run(command.args(args), "");
    assert_eq!(output.code, 0, "{}{}", output.out, output.err);
    let all = output.out + &output.err;
    for line in all.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    all
}

/// `cybexp watch`, running; killed when dropped.
struct Watching {
    child: Child,
    lines: Receiver<String>,
}

impl Watching {
    fn start(up: &SiteWithApi, args: &[&str]) -> Self {
        let mut child = Command::new(CYBEXP)
            .arg("watch")
            .args(args)
            .env("CYBEXP_CONFIG", &up.site.config)
            .env("NO_PROXY", "*")
            .env("COLUMNS", "80")
            .env_remove("CYBEXP_TOKEN")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap()).lines();
        let (tell, lines) = channel();
        std::thread::spawn(move || {
            for line in out.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    fn next(&self) -> String {
        let next = self.lines.recv_timeout(Duration::from_secs(60));
        next.expect("a line comes within a minute")
    }

    /// Presses Ctrl-C, and returns the standard error.
    fn interrupt(mut self) -> String {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).unwrap();
        let since = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(since.elapsed() < Duration::from_secs(10), "it goes on");
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut text = String::new();
        let mut err = self.child.stderr.take().unwrap();
        err.read_to_string(&mut text).unwrap();
        text
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Posts log-ins until one is shown: `watch` says nothing on its standard output when it listens.
fn shown(up: &SiteWithApi, watching: &Watching) -> String {
    for n in 0..100 {
        post(up, "203.0.113.9", &format!("first {n}"));
        if let Ok(line) = watching.lines.recv_timeout(Duration::from_secs(1)) {
            return line;
        }
    }
    panic!("no event is shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_events_are_shown_as_they_come_until_the_person_ends_it() {
    let up = SiteWithApi::new(&["archive", "analytics"]).await;
    let (people, mut program) = (Watching::start(&up, &[]), Watching::start(&up, &["--json"]));
    shown(&up, &people);
    shown(&up, &program);
    let long = format!("last {} \u{1b}[2J", "x".repeat(200));
    post(&up, "203.0.113.77", &long);
    let line = loop {
        let line = people.next();
        assert!(line.chars().count() <= 80, "{line}");
        if line.contains("203.0.113.77") {
            break line;
        }
    };
    assert!(
        line.contains(" ● ssh 203.0.113.77  root  last xxx"),
        "{line}"
    );
    assert!(line.ends_with('…') && !line.contains('\u{1b}'), "{line}");
    let event = loop {
        let told = json_of(&program.next());
        assert_eq!(told["kind"], "news", "{told}");
        if told.to_string().contains("203.0.113.77") {
            break told["data"]["event"].clone();
        }
    };
    assert_eq!(event["sub_type"], "ssh");
    let told = people.interrupt();
    assert!(
        told.contains("Ctrl-C ends") && !told.contains("panicked"),
        "{told}"
    );

    // a reader that has enough, such as `head`, ends it
    drop(std::mem::replace(&mut program.lines, channel().1));
    let since = Instant::now();
    while program.child.try_wait().unwrap().is_none() {
        assert!(since.elapsed() < Duration::from_secs(60), "it goes on");
        post(&up, "203.0.113.78", &now().to_string());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(program.child.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_listens_again_when_the_api_is_back_and_misses_nothing() {
    let mut up = SiteWithApi::new(&["archive", "analytics"]).await;
    let watching = Watching::start(&up, &["--json"]);
    shown(&up, &watching);
    let api = up.daemons.remove(0);
    assert!(api.terminate().success());
    let log = up.site.folder.path().join("api.log");
    up.daemons.insert(
        0,
        Daemon::start_logged(CYBEXP, &["daemon", "api"], &up.site.config, &log),
    );
    let ping = json_of(&std::fs::read_to_string(&up.site.config).unwrap());
    let ping = format!("{}ping", ping["api"]["url"].as_str().unwrap());
    eventually("the API is there", async || {
        up.run(&["ready", &ping]).code == 0
    })
    .await;
    post(&up, "203.0.113.77", "while nobody listened");
    while !watching.next().contains("while nobody listened") {}
    let told = watching.interrupt();
    assert!(told.contains("listening again"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_are_added_listed_told_and_removed() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    let long = format!("http://evil.example/{}", "long/".repeat(40));
    for args in [
        &["watch", "203.0.113.9", "--name", "the scanner"][..],
        &["watch", &long],
        &[
            "watch",
            "--sub-type",
            "ssh",
            "--category",
            "malicious",
            "--sensor",
            "london",
        ],
    ] {
        let told = terminal(&up, args);
        assert!(told.contains('✓'), "{told}");
    }
    let list = terminal(&up, &["watch", "list"]);
    for told in [
        "ip 203.0.113.9",
        "the scanner",
        "events malicious ssh of",
        "london",
        "page",
    ] {
        assert!(list.contains(told), "{told}: {list}");
    }
    let all = json_of(&up.run(&["watch", "list", "--json"]).good());
    assert_eq!(all.as_array().unwrap().len(), 3);

    post(&up, "203.0.113.9", "a password\u{1b}[2J");
    eventually("both are told", async || {
        let notices = json_of(&up.run(&["watch", "notices", "--json"]).good());
        notices.as_array().unwrap().len() == 2
    })
    .await;
    let notices = terminal(&up, &["watch", "notices"]);
    assert!(notices.contains("ipv4 203.0.113.9"), "{notices}");
    assert!(!notices.contains("\u{1b}[2J"), "{notices}");
    let parked = terminal(&up, &["watch", "parked"]);
    assert!(parked.contains("reason"), "{parked}");
    assert!(terminal(&up, &["watch", "retry"]).contains("0 notices"));

    for one in all.as_array().unwrap() {
        up.run(&["watch", "remove", one["id"].as_str().unwrap()])
            .good();
    }
    let gone = all[0]["id"].as_str().unwrap();
    let refused = up.run(&["watch", "remove", gone]).bad();
    assert!(
        refused.contains("you have no such subscription"),
        "{refused}"
    );
    assert_eq!(
        json_of(&up.run(&["watch", "list", "--json"]).good()),
        json!([])
    );

    for (args, code, told) in [
        (
            &["--webhook", "https://soc.example/"][..],
            2,
            "nothing is named to be told of",
        ),
        (&["203.0.113.9", "--mail"], 1, "this site sends no mail"),
        (
            &["203.0.113.9", "--mail", "--webhook", "https://soc.example/"],
            2,
            "cannot be used with",
        ),
        (
            &["203.0.113.9", "--webhook", "https://soc.example/"],
            1,
            "report.webhook_hosts",
        ),
        (&["--feed", "nothing"], 1, "(401)"),
        (&["999.1.1.1", "--type", "ipv4"], 1, "field value.data"),
        (&["203.0.113.9", "--tlp", "crimson"], 1, "field tlp"),
        (
            &["remove", "../feeds"],
            2,
            "is not the id of a subscription",
        ),
    ] {
        let refused = up.run(&[&["watch"], args].concat());
        assert_eq!(refused.code, code, "{args:?}: {}", refused.err);
        assert!(refused.err.contains(told), "{args:?}: {}", refused.err);
    }
    let mut away = Command::new(CYBEXP);
    away.env("CYBEXP_CONFIG", &up.site.config);
    let refused = run(away.args(["watch", "--url", "http://127.0.0.1:9/"]), "");
    assert!(refused.bad().contains("cannot reach the API"));
}

fn told(up: &SiteWithApi) -> Vec<(String, String)> {
    let notices = json_of(&up.run(&["watch", "notices", "--json"]).good());
    let notices = notices.as_array().unwrap().iter().rev();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let told = notices.map(|one| {
        assert_eq!(one["told"]["feed"]["name"], "attackers");
        (
            text(&one["told"]["change"]),
            text(&one["told"]["value"]["data"]),
        )
    });
    told.collect()
}

/// The suite's daemons as processes: a value comes into a feed and leaves it by a judgement, by `forget`, and both are told.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_to_a_feed_tells_of_what_comes_in_and_of_what_leaves() {
    let up = SiteWithApi::new(&["archive", "analytics", "report"]).await;
    let add = [
        "feed",
        "add",
        "attackers",
        "--org",
        "unr",
        "--type",
        "ipv4",
        "--json",
    ];
    let token = json_of(&up.run(&add).good())["token"].clone();
    eventually("the feed is whole", async || {
        json_of(&up.run(&["feed", "show", "attackers", "--json"]).good())["whole"] == true
    })
    .await;
    up.run(&["watch", "--feed", "attackers"]).good();
    let config = json_of(&std::fs::read_to_string(&up.site.config).unwrap());
    let url = format!(
        "{}feeds/attackers.txt",
        config["api"]["url"].as_str().unwrap()
    );
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let values = async || {
        let request = client.get(&url).bearer_auth(token.as_str().unwrap());
        let mut values: Vec<String> = request
            .send()
            .await
            .unwrap()
            .text()
            .await
            .unwrap()
            .lines()
            .map(str::to_owned)
            .collect();
        values.sort();
        values
    };
    let becomes = async |expected: &[&str]| {
        let since = Instant::now();
        eventually("the feed has changed", async || values().await == expected).await;
        since.elapsed()
    };
    post(&up, "203.0.113.8", "a");
    becomes(&["203.0.113.8"]).await;
    post(&up, "203.0.113.9", "b");
    becomes(&["203.0.113.8", "203.0.113.9"]).await;
    let expected = |told: &[(&str, &str)]| -> Vec<(String, String)> {
        let told = told.iter();
        told.map(|(change, value)| ((*change).to_owned(), (*value).to_owned()))
            .collect()
    };
    let mut told_so_far = vec![("came", "203.0.113.8"), ("came", "203.0.113.9")];
    assert_eq!(told(&up), expected(&told_so_far));

    let subject = ["mark", "value", "ipv4", "203.0.113.8", "false_positive"];
    up.run(&[&subject[..], &["-r", "our scanner", "-o", "unr"]].concat())
        .good();
    becomes(&["203.0.113.9"]).await;
    told_so_far.push(("left", "203.0.113.8"));
    assert_eq!(told(&up), expected(&told_so_far));

    up.run(&["forget", "value", "ipv4", "203.0.113.9", "--yes"])
        .good();
    let took = becomes(&[]).await;
    eprintln!(
        "a forgotten value has left the feed after {} ms",
        took.as_millis()
    );
    // seconds, and some more for a machine that is busy with other tests
    assert!(took < Duration::from_secs(20), "{took:?}");
    told_so_far.push(("left", "203.0.113.9"));
    assert_eq!(told(&up), expected(&told_so_far));

    // it comes again, and that is told again
    post(&up, "203.0.113.9", "c");
    becomes(&["203.0.113.9"]).await;
    told_so_far.push(("came", "203.0.113.9"));
    assert_eq!(told(&up), expected(&told_so_far));
    let shown = terminal(&up, &["watch", "notices"]);
    assert!(shown.contains("ipv4 203.0.113.8 left attackers"), "{shown}");
}
