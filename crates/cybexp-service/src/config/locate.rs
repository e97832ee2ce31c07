//! Finds the files of keys and secrets.

use std::path::{Path, PathBuf};

/// Makes a path absolute. A relative path becomes that of the credential with the same file name, if systemd gave one
/// (`LoadCredential=`, in `$CREDENTIALS_DIRECTORY`), else a path beside the configuration file.
///
/// So one configuration serves the daemons, which can read nothing but their credentials, and users who can read the files.
pub(super) fn locate(path: &Path, folder: &Path, credentials: Option<&Path>) -> PathBuf {
    credentials
        .filter(|_| path.is_relative())
        .zip(path.file_name())
        .map(|(credentials, name)| credentials.join(name))
        .filter(|credential| credential.exists())
        .unwrap_or_else(|| folder.join(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_before_a_file_beside_the_config() {
        let (beside, given) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (beside, given) = (beside.path(), given.path());
        let key = Path::new("credentials/priv.pem");
        let of_config = beside.join(key);
        std::fs::create_dir(beside.join("credentials")).unwrap();
        std::fs::write(&of_config, "").unwrap();

        assert_eq!(locate(key, beside, None), of_config);
        assert_eq!(locate(key, beside, Some(given)), of_config);
        std::fs::write(given.join("priv.pem"), "").unwrap();
        assert_eq!(locate(key, beside, Some(given)), given.join("priv.pem"));
        assert_eq!(
            locate(&of_config, beside, Some(given)),
            of_config,
            "an absolute path is what it says"
        );
    }

    #[test]
    fn what_is_nowhere_is_named_as_in_the_config() {
        let (folder, given) = (Path::new("/nowhere"), Path::new("/no/credentials"));
        let missing = locate(Path::new("pub.pem"), folder, Some(given));
        assert_eq!(missing, folder.join("pub.pem"));
    }
}
