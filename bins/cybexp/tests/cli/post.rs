//! Submissions through the API.

use std::process::Command;

use cybexp_testkit::{Site, free_ports};
use serde_json::json;

use crate::{CYBEXP, Up, cybexp, fed, run};

#[tokio::test(flavor = "multi_thread")]
async fn files_and_lines_become_submissions() {
    let up = Up::new(&["archive"]).await;
    let post =
        |more: &[&str]| up.run(&[&["post", "--typetag", "note", "--org", "unr"], more].concat());
    let whole = up.file("whole.txt", "one\ntwo\n");
    let log = up.file("log.txt", "three\n\nfour\r\nfive");
    let done = post(&[&whole]);
    assert!(done.err.contains("1 submitted"), "{}", done.err);
    done.good();
    let done = post(&[&log, "--lines", "--quiet"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let stdin = [
        "post",
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
    let up = Up::new(&[]).await;
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
    let post = ["post", "-t", "note", "-o", "unr", "--lines", &log, &missing];
    let refused = up.run(&post).bad();
    assert!(
        refused.contains("log.txt:2: ") && refused.contains("(413)"),
        "{refused}"
    );
    assert!(refused.contains("missing.txt: No such file"), "{refused}");
    assert!(refused.contains("2 submitted, 2 refused"), "{refused}");
    assert_eq!(up.site.cache.count_pending().await.unwrap(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_concerns_every_record_is_told_once() {
    let up = Up::new(&[]).await;
    cybexp(
        &up.site,
        &["user", "add", "other@example.com", "--generate"],
    )
    .good();
    let log = up.file("log.txt", "a\nb\nc\n");
    let post = |more: &[&str]| {
        let told = up.run(&[&["post", "--lines", &log], more].concat()).bad();
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
    assert!(told.contains("does --url"), "{told}");
    assert_eq!(up.site.cache.count_pending().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_from_a_file_the_environment_or_the_configuration() {
    let up = Up::new(&[]).await;
    let token = std::fs::read_to_string(&up.token).unwrap();
    std::fs::write(&up.token, "").unwrap();
    let file = up.file("note.txt", "a note");
    let args = ["post", "-t", "note", "-o", "unr", &file];
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
    assert_eq!(up.site.cache.count_pending().await.unwrap(), 3);
}

fn api_url(site: &Site) -> String {
    let config = std::fs::read_to_string(&site.config).unwrap();
    let config = crate::json_of(&config);
    assert_ne!(config["api"]["url"], json!(null));
    config["api"]["url"].as_str().unwrap().to_owned()
}
