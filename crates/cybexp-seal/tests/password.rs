#![allow(clippy::unwrap_used, missing_docs)]
//! Passwords, new and of the Python system.

use std::time::Duration;

use cybexp_seal::password::{PasswordError, Verdict, hash, verify};

#[test]
fn a_password_is_right_and_all_others_are_wrong() {
    let stored = hash("correct horse").unwrap();
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
    assert_eq!(verify("correct horse", &stored), Verdict::Right);
    for wrong in [
        "correct hors",
        "Correct horse",
        "correct horse ",
        "",
        &stored,
    ] {
        assert_eq!(verify(wrong, &stored), Verdict::Wrong, "{wrong}");
    }
    assert_ne!(
        stored,
        hash("correct horse").unwrap(),
        "each has its own salt"
    );
}

#[test]
fn what_argon2_cffi_stored_is_read() {
    // argon2-cffi 25.1: PasswordHasher(time_cost=1, memory_cost=8192, parallelism=4).hash("correct horse")
    let stored = "$argon2id$v=19$m=8192,t=1,p=4$oklRcP/2ld2G5xoP+YrTjA$4YsikZjP5wooy6lF5K1bzQp41cc7y6xYf76BwNydHOs";
    assert_eq!(verify("correct horse", stored), Verdict::Right);
    assert_eq!(verify("correct horsf", stored), Verdict::Wrong);
}

#[test]
fn passwords_of_the_python_system_are_right_but_old() {
    // hashlib.sha256(b"correct horse").hexdigest(), as in tests/fixtures/golden
    let stored = "4104d36f8da2c254349f85836793ebe029e0c957063a34c91c2e9203187b5631";
    assert_eq!(verify("correct horse", stored), Verdict::RightButOld);
    assert_eq!(verify("correct horsf", stored), Verdict::Wrong);
    assert_eq!(verify(stored, stored), Verdict::Wrong);
    assert_eq!(verify("correct horse", &stored[..62]), Verdict::Wrong);
}

#[test]
fn what_is_no_hash_is_the_hash_of_nothing() {
    let cut = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0";
    for stored in [
        "",
        "no password: cannot log in",
        "$argon2id$",
        "$2b$12$abc",
        cut,
    ] {
        for password in ["", stored] {
            assert_eq!(verify(password, stored), Verdict::Wrong, "{stored}");
        }
    }
}

#[test]
fn lengths_are_told_in_bytes() {
    for (password, bytes) in [("", 0), ("1234567", 7), (&"x".repeat(1025), 1025)] {
        assert_eq!(hash(password), Err(PasswordError::Length(bytes)));
    }
    let told = hash("é").unwrap_err().to_string();
    assert_eq!(told, "the password has 2 bytes, and needs 8 to 1024");
    for password in ["12345678".to_owned(), "x".repeat(1024)] {
        assert_eq!(verify(&password, &hash(&password).unwrap()), Verdict::Right);
    }
    assert_eq!(
        verify(&"x".repeat(1 << 20), &hash("12345678").unwrap()),
        Verdict::Wrong
    );
}

/// The time that this thread has been on a core, in nanoseconds: other processes use the machine, too.
fn worked_ns() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse().unwrap()
}

/// The least work of a few comparisons.
fn least(password: &str, stored: &str) -> Duration {
    let some = || {
        let before = worked_ns();
        for _ in 0..8 {
            assert_eq!(verify(password, stored), Verdict::Wrong);
        }
        Duration::from_nanos(worked_ns() - before) / 8
    };
    (0..3).map(|_| some()).min().unwrap()
}

#[test]
fn every_wrong_password_takes_the_same_work() {
    let (ours, long) = (hash("12345678").unwrap(), "x".repeat(1 << 20));
    let known = least("correct horsf", &ours);
    for (what, password, stored) in [
        ("nobody's", "correct horsf", ""),
        ("a long one", &*long, &*ours),
        ("a long one of nobody", &*long, ""),
        (
            "one of the Python system",
            "correct horsf",
            &"41".repeat(32),
        ),
        ("a long one of the Python system", &*long, &"41".repeat(32)),
        ("no hash", "correct horsf", "no password"),
        (
            "half a hash",
            "correct horsf",
            "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0",
        ),
        (
            "too much work",
            "correct horsf",
            &ours.replace("m=19456", "m=4194304"),
        ),
    ] {
        let took = least(password, stored);
        assert!(
            took > known / 2 && took < known * 2,
            "{what}: {took:?}, and {known:?} for a user"
        );
    }
}
