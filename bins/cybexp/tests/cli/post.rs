//! Submissions through the API.

use std::process::{Command, Stdio};

use cybexp_testkit::{Site, free_ports};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::{CYBEXP, SiteWithApi, cybexp, fed, run};

#[tokio::test(flavor = "multi_thread")]
async fn files_and_lines_become_submissions() {
    let up = SiteWithApi::new(&["archive"]).await;
    let post = |more: &[&str]| {
        up.run(
            &[
                &["post", "--any-typetag", "--typetag", "note", "--org", "unr"],
                more,
            ]
            .concat(),
        )
    };
    let whole = up.file("whole.txt", "one\ntwo\n");
    let log = up.file("log.txt", "three\n\nfour\r\nfive");
    let done = post(&[&whole]);
    assert!(done.err.contains("1 submitted"), "{}", done.err);
    done.good();
    let done = post(&[&log, "--lines", "--quiet"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let stdin = [
        "post",
        "--any-typetag",
        "-t",
        "note",
        "-o",
        &up.site.orgid.to_string(),
        "-l",
        "-",
    ];
    fed(&up.site, &stdin, "six\nseven\n").good();

    cybexp_testkit::eventually("all are archived", async || {
        up.site.archive.census().await.unwrap().len() == 6
    })
    .await;
    assert_eq!(up.site.cache.count_refused().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_told_by_file_and_line_and_the_rest_goes_on() {
    let up = SiteWithApi::new(&[]).await;
    // the limit of the tests' API is 1 MiB
    let long = "x".repeat((1 << 20) + 1);
    let log = up.file("log.txt", format!("one\n{long}\nthree\n"));
    let missing = up
        .site
        .folder
        .path()
        .join("missing.txt")
        .display()
        .to_string();
    let post = [
        "post",
        "--any-typetag",
        "-t",
        "note",
        "-o",
        "unr",
        "--lines",
        &log,
        &missing,
    ];
    let refused = up.run(&post).bad();
    assert!(
        refused.contains("log.txt:2: ") && refused.contains("(413)"),
        "{refused}"
    );
    assert!(refused.contains("missing.txt: No such file"), "{refused}");
    assert!(refused.contains("2 submitted, 2 refused"), "{refused}");
    assert_eq!(up.site.records_pending().await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_every_record_is_told_once() {
    let up = SiteWithApi::new(&[]).await;
    cybexp(
        &up.site,
        &["user", "add", "other@example.com", "--generate"],
    )
    .good();
    let log = up.file("log.txt", "a\nb\nc\n");
    let post = |more: &[&str]| {
        let post = ["post", "--any-typetag", "--lines", &log];
        let told = up.run(&[&post[..], more].concat()).bad();
        assert_eq!(told.lines().count(), 1, "{told}");
        told
    };
    assert!(post(&["-t", "note", "-o", "nowhere"]).contains("no admin of nowhere"));
    assert!(post(&["-t", "no te", "-o", "unr"]).contains("--typetag no te"));
    assert!(post(&["-t", "note", "-o", "unr", "--timezone", "Moon"]).contains("--timezone Moon"));
    let other = up.file("other", up.run(&["token", "other@example.com"]).good());
    let told = post(&["-t", "note", "-o", "unr", "--token-file", &other]);
    assert!(told.contains("no admin of unr"), "{told}");
    let bogus = up.file("bogus", "bogus");
    let told = post(&["-t", "note", "-o", "unr", "--token-file", &bogus]);
    assert!(
        told.contains("(401)") && told.contains("`cybexp token EMAIL`"),
        "{told}"
    );
    let [port] = free_ports();
    let told = post(&[
        "-t",
        "note",
        "-o",
        "unr",
        "--url",
        &format!("http://127.0.0.1:{port}/"),
    ]);
    assert!(
        told.contains("refused") && told.contains("is cybexp-api running?"),
        "{told}"
    );
    let elsewhere = format!("{}elsewhere", api_url(&up.site));
    let told = post(&["-t", "note", "-o", "unr", "--url", &elsewhere]);
    assert!(
        told.contains("is not the API of the configuration"),
        "{told}"
    );
    assert_eq!(up.site.records_pending().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_from_a_file_the_environment_or_the_configuration() {
    let up = SiteWithApi::new(&[]).await;
    let token = std::fs::read_to_string(&up.token).unwrap();
    std::fs::write(&up.token, "").unwrap();
    let file = up.file("note.txt", "a note");
    let args = ["post", "--any-typetag", "-t", "note", "-o", "unr", &file];
    assert!(up.run(&args).bad().contains("there is no token"));
    let mut command = Command::new(CYBEXP);
    command
        .env("CYBEXP_CONFIG", &up.site.config)
        .env("CYBEXP_TOKEN", token.trim());
    run(command.args(args), "").good();
    let given = up.file("given", &token);
    up.run(&[&args[..], &["--token-file", &given]].concat())
        .good();
    std::fs::write(&up.token, &token).unwrap();
    up.run(&args).good();
    assert_eq!(up.site.records_pending().await, 3);
}

const LINE: &str = r#"{"eventid": "cowrie.login.failed", "session": "1", "src_ip": "203.0.113.9", "timestamp": "2026-01-01T00:00:00Z"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_typetag_that_no_filter_reads_is_told_before_anything_is_sent() {
    let up = SiteWithApi::new(&[]).await;
    let log = up.file("log.json", LINE);
    let post = ["post", "-o", "unr", &log, "-t"];
    let told = up.run(&[&post[..], &["cowrei"]].concat());
    assert_eq!(told.code, 2, "{}", told.err);
    assert!(told.err.contains("did you mean cowrie?"), "{}", told.err);
    assert_eq!(up.site.records_pending().await, 0);
    up.run(&[&post[..], &["cowrei", "--any-typetag"]].concat())
        .good();
    assert_eq!(up.site.records_pending().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_is_not_taken_for_one_record_without_a_word() {
    let up = SiteWithApi::new(&[]).await;
    let log = up.file("log.json", format!("{LINE}\n{LINE}\n"));
    let document = up.file("one.json", "{\n  \"ipv4\": \"203.0.113.9\"\n}\n");
    let post = |more: &[&str]| {
        let post = ["post", "-o", "unr", "-t", "sighting"];
        up.run(&[&post[..], more].concat())
    };
    let as_cowrie = up.run(&["post", "-o", "unr", "-t", "cowrie", &log]);
    for told in [post(&[&document, &log]), as_cowrie] {
        assert_eq!(told.code, 2, "{}", told.err);
        for word in ["log.json", "--lines", "--whole"] {
            assert!(told.err.contains(word), "{word}: {}", told.err);
        }
    }
    assert_eq!(up.site.records_pending().await, 0);
    let args = ["post", "-o", "unr", "-t", "sighting", "-"];
    let told = fed(&up.site, &args, &format!("{LINE}\n{LINE}\n"));
    assert!(told.code == 2 && told.err.contains("stdin"), "{}", told.err);

    post(&[&document]).good();
    post(&["--whole", &log]).good();
    assert_eq!(up.site.records_pending().await, 2);
    post(&["--lines", &log]).good();
    assert_eq!(up.site.records_pending().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_no_submission() {
    let up = SiteWithApi::new(&[]).await;
    let (empty, blank) = (up.file("empty", ""), up.file("blank", " \n\r\n"));
    for more in [
        &[&*empty][..],
        &[&blank],
        &["--lines", &empty],
        &["--lines", &blank],
        &["-"],
    ] {
        let post = ["post", "-o", "unr", "-t", "email"];
        let told = up.run(&[&post[..], more].concat()).bad();
        assert!(told.contains("is empty"), "{more:?}: {told}");
        assert!(told.contains("0 submitted, 1 refused"), "{more:?}: {told}");
    }
    assert_eq!(up.site.records_pending().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_stopped_is_told_how_far_it_came_and_goes_on_from_there() {
    let up = SiteWithApi::new(&[]).await;
    let state = tempfile::tempdir().unwrap();
    const LINES: u64 = 150_000;
    let text: String = (0..LINES)
        .map(|i| format!("{{\"ipv4\": \"203.0.113.9\", \"port\": {i}}}\n"))
        .collect();
    let log = up.file("log.json", text);
    let command = |more: &[&str]| {
        let mut command = Command::new(CYBEXP);
        command
            .env("CYBEXP_CONFIG", &up.site.config)
            .env("XDG_STATE_HOME", state.path())
            .env_remove("CYBEXP_TOKEN");
        command.args(["post", "-o", "unr", "-t", "sighting", "--lines", &log]);
        command.args(more);
        command
    };
    let child = command(&[]).stderr(Stdio::piped()).spawn().unwrap();
    cybexp_testkit::eventually("some are there", async || {
        up.site.records_pending().await > 100
    })
    .await;
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{told}");
    assert!(told.contains("log.json: submitted up to line "), "{told}");
    assert!(told.contains("--resume"), "{told}");
    let line = told.split("up to line ").nth(1).unwrap();
    let line: u64 = line.lines().next().unwrap().parse().unwrap();
    let before = up.site.records_pending().await;
    assert!(
        line <= before && line + 4 * 8192 >= before && line < LINES,
        "{told} {before}"
    );

    let again = run(&mut command(&["--resume"]), "");
    assert!(
        again.err.contains(&format!("after line {line}")),
        "{}",
        again.err
    );
    again.good();
    let all = up.site.records_pending().await;
    assert_eq!(all, before + LINES - line);
    let over = run(&mut command(&["--resume", "--quiet"]), "");
    over.good();
    assert_eq!(up.site.records_pending().await, all + LINES);

    std::fs::write(&log, "{}\n").unwrap();
    let stdin = ["post", "-o", "unr", "-t", "sighting", "--resume", "-"];
    assert_eq!(up.run(&stdin).code, 2);
}

fn api_url(site: &Site) -> String {
    let config = std::fs::read_to_string(&site.config).unwrap();
    let config = crate::json_of(&config);
    assert_ne!(config["api"]["url"], json!(null));
    config["api"]["url"].as_str().unwrap().to_owned()
}
