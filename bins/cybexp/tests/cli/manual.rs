//! Health checks, completions and manual pages.

use std::process::Command;

use cybexp_testkit::free_ports;

use crate::{CYBEXP, CommandOutput, run};

fn plain(args: &[&str]) -> CommandOutput {
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
    let bash = plain(&["completions", "bash"]).good();
    assert!(bash.contains("misp_event") && bash.contains("cowrie"));
    let help = plain(&["post", "--help"]).good();
    assert!(
        help.contains("misp_event") && help.contains("--resume"),
        "{help}"
    );
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

#[test]
fn help_fits_a_terminal_of_80_columns() {
    for command in [
        &[][..],
        &["post"],
        &["quarantine", "list"],
        &["up"],
        &["token"],
    ] {
        let mut run_it = Command::new(CYBEXP);
        run_it.args(command).arg("--help").env("COLUMNS", "80");
        let help = run(&mut run_it, "").good();
        for line in help.lines() {
            assert!(line.chars().count() <= 80, "{command:?}: {line}");
        }
    }
}

#[test]
fn nobody_who_reads_is_the_end_and_no_panic() {
    for args in [&["completions", "bash"][..], &["man"], &["post", "--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(CYBEXP)
            .args(args)
            .env("CYBEXP_CONFIG", "/nowhere/config.json")
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .output()
            .unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!told.contains("panic"), "{args:?}: {told}");
        assert_eq!(output.status.code(), Some(0), "{args:?}: {told}");
    }
}
