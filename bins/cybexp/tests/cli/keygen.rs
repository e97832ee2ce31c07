//! The pair of keys.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use cybexp_seal::{Format, PrivateKey, PublicKey};

use crate::{CYBEXP, CommandOutput, run};

fn keygen(folder: &Path, more: &[&str]) -> CommandOutput {
    let mut command = Command::new(CYBEXP);
    command
        .arg("keygen")
        .args(more)
        .current_dir(folder)
        // a running `up` is noted there
        .env("XDG_STATE_HOME", folder)
        .env_remove("CYBEXP_CONFIG");
    run(&mut command, "")
}

#[test]
fn a_pair_is_made_where_the_configuration_says_and_never_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("config")).unwrap();
    std::fs::write(
        folder.join("config/config.json"),
        r#"{"api": {"public_key": "public/pub.pem"}, "archive": {"private_key": "../secret/priv.pem"}}"#,
    )
    .unwrap();
    let (private, public) = (
        folder.join("secret/priv.pem"),
        folder.join("config/public/pub.pem"),
    );
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;

    let said = keygen(folder, &["--bits", "2048"]).good();
    assert!(
        said.contains("cybexp-archive") && said.contains("cybexp-api"),
        "{said}"
    );
    assert_eq!((mode(&private), mode(&public)), (0o600, 0o644));
    let first = read(&private);
    let key = PrivateKey::from_pem(&first, None).unwrap();
    let sealed = PublicKey::from_pem(&read(&public))
        .unwrap()
        .seal(Format::Jwe, b"hello")
        .unwrap();
    assert_eq!(
        (key.bits(), key.open(&sealed).unwrap()),
        (2048, b"hello".to_vec())
    );

    std::fs::remove_file(&public).unwrap();
    assert!(
        keygen(folder, &[])
            .bad()
            .contains("priv.pem is there already")
    );
    assert!(read(&private) == first && !public.exists());
    keygen(folder, &["--bits", "2048", "--force"]).good();
    assert!(read(&private) != first && public.exists());
    assert_eq!(mode(&private), 0o600);

    keygen(folder, &["--bits", "2048", "--dir", "elsewhere/still"]).good();
    assert!(folder.join("elsewhere/still/priv.pem").exists());
    assert_eq!(keygen(folder, &["--bits", "1024", "--dir", "weak"]).code, 2);
}

#[test]
fn the_secret_of_tokens_is_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::create_dir(folder.join("config")).unwrap();
    let config = r#"{"identity": {"secret": {"file": "secrets/identity"}}}"#;
    std::fs::write(folder.join("config/config.json"), config).unwrap();
    let file = folder.join("config/secrets/identity");
    let said = keygen(folder, &["--bits", "2048"]).good();
    assert!(
        said.contains("identity") && said.contains("priv.pem"),
        "{said}"
    );
    let secret = std::fs::read_to_string(&file).unwrap();
    assert!(secret.len() >= 32);
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    keygen(folder, &[]).bad();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), secret);
    // as after an upgrade: the keys stay, and only the secret is made
    let key = std::fs::read_to_string(folder.join("config/priv.pem")).unwrap();
    std::fs::remove_file(&file).unwrap();
    keygen(folder, &[]).good();
    assert!(std::fs::read_to_string(&file).unwrap() != secret);
    assert_eq!(
        std::fs::read_to_string(folder.join("config/priv.pem")).unwrap(),
        key
    );
}
