//! Compares the behaviours of labelled sessions with their labels.
//!
//! `tests/fixtures/behaviour/*.json` holds for each bot its sessions, shaped after those in public logs of honeypots, with
//! made-up addresses, names and passwords. A session is found again if it has the behaviour of another one of its bot.

#![allow(clippy::print_stdout, reason = "it tells what it found")]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::session::Made;

/// The share of the pairs of sessions of one bot that must have one behaviour, in percent.
const RECALL: u64 = 95;

struct Labelled {
    bot: String,
    commands: Vec<String>,
}

fn read(folder: &Path) -> Vec<Labelled> {
    let mut sessions = Vec::new();
    for entry in folder.read_dir().expect("fixtures") {
        let path = entry.expect("an entry").path();
        let text = fs::read_to_string(&path).expect("a file");
        let bots: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        for (bot, all) in bots.as_object().expect("an object") {
            for session in all.as_array().expect("sessions") {
                let commands = session.as_array().expect("commands");
                let text = |command: &Value| command.as_str().expect("text").to_owned();
                sessions.push(Labelled {
                    bot: bot.clone(),
                    commands: commands.iter().map(text).collect(),
                });
            }
        }
    }
    sessions
}

#[test]
fn behaviours_agree_with_labels() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/behaviour");
    check(&read(&folder));
}

/// Shows the same for other sessions: `SESSIONS=FOLDER cargo test -p cybexp-filters --test behaviour -- --ignored --nocapture`.
#[test]
#[ignore = "reads sessions of the one who runs it"]
fn behaviours_of_other_sessions() {
    let folder = std::env::var_os("SESSIONS").expect("SESSIONS names a folder");
    check(&read(Path::new(&folder)));
}

fn check(sessions: &[Labelled]) {
    let behaviours: Vec<String> = sessions
        .iter()
        .map(|session| Made::of(&session.commands).behaviour())
        .collect();
    let (mut together, mut found, mut wrong) = (0_u64, 0_u64, Vec::new());
    let mut missed: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, one) in sessions.iter().enumerate() {
        for (other_at, other) in sessions.iter().enumerate().skip(at + 1) {
            let is_same = behaviours[at] == behaviours[other_at];
            if one.bot == other.bot {
                together += 1;
                found += u64::from(is_same);
                if !is_same {
                    missed.entry(&one.bot).or_default().extend([at, other_at]);
                }
            } else if is_same {
                wrong.push((at, other_at));
            }
        }
    }
    let form = |at: usize| {
        Made::of(&sessions[at].commands)
            .normal_form()
            .join("\n    ")
    };
    for (bot, sessions) in &mut missed {
        sessions.sort_unstable();
        sessions.dedup_by_key(|at| behaviours[*at].clone());
        println!("{bot} falls apart:");
        sessions
            .iter()
            .for_each(|at| println!("  --\n    {}", form(*at)));
    }
    for (one, other) in &wrong {
        println!(
            "{} and {} are one:\n    {}",
            sessions[*one].bot,
            sessions[*other].bot,
            form(*one)
        );
    }
    println!(
        "{} sessions: {found} of {together} pairs found, {} wrong",
        sessions.len(),
        wrong.len()
    );
    assert!(
        wrong.is_empty(),
        "sessions of different bots have one behaviour"
    );
    assert!(
        found * 100 >= together * RECALL,
        "only {found} of {together} pairs of one bot were found"
    );
}
