//! The signature of a delivery to a webhook: HMAC-SHA256 over its time and body, with a secret that the receiver knows.

use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

/// Returns the signature of a body that is sent at this time, in Unix seconds: `t=TIME,v1=CODE`, where the code is that of
/// `TIME.BODY` in hexadecimal digits.
pub fn webhook_signature(secret: &str, at: u64, body: &[u8]) -> String {
    let key = Key::new(HMAC_SHA256, secret.as_bytes());
    let message = [at.to_string().as_bytes(), b".", body].concat();
    format!("t={at},v1={}", hex::encode(sign(&key, &message)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_other_software_makes_it() {
        // printf %s '5.{}' | openssl dgst -sha256 -hmac secret
        let code = "f18d2fcd9a24151471e3e2d71bc7ce901fb7b89b341918a08f95e9ffc497ea26";
        assert_eq!(
            webhook_signature("secret", 5, b"{}"),
            format!("t=5,v1={code}")
        );
        assert_ne!(
            webhook_signature("secret", 6, b"{}"),
            format!("t=6,v1={code}")
        );
    }
}
