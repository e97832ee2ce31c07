//! Health checks, completions and manual pages.

use std::process::Command;

use cybexp_testkit::free_ports;

use crate::{CYBEXP, Run, run};

fn plain(args: &[&str]) -> Run {
    run(Command::new(CYBEXP).args(args), "")
}

#[test]
fn completions_and_manual_pages_are_made_of_the_command_line() {
    for shell in ["bash", "zsh", "fish"] {
        let script = plain(&["completions", shell]).good();
        assert!(
            script.contains("quarantine") && script.contains("cybexp"),
            "{shell}"
        );
    }
    assert!(plain(&["man"]).good().contains("quarantine"));
    let folder = tempfile::tempdir().unwrap();
    let man = folder.path().join("man1");
    plain(&["man", "--dir", &man.display().to_string()]).good();
    for page in ["cybexp.1", "cybexp-post.1", "cybexp-query-related.1"] {
        assert!(man.join(page).exists(), "{page}");
    }
    assert!(
        !man.join("cybexp-daemon.1").exists(),
        "it is not for people"
    );
}

#[test]
fn a_server_that_is_not_there_is_not_ready() {
    let [port] = free_ports();
    let url = format!("http://127.0.0.1:{port}/readyz");
    assert!(plain(&["ready", &url]).bad().contains("does not answer"));
}
