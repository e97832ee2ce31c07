//! Pages of other origins that may ask the API from a browser: none, unless `api.cors_origins` names them.

use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderValue, Method};
use cybexp_service::ConfigError;
use cybexp_service::config::Config;
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

/// The layer that answers browsers, where any origin is allowed. It allows no cookies: who asks has a token.
///
/// # Errors
/// If an origin is not one.
pub(crate) fn layer(config: &Config) -> Result<Option<CorsLayer>, ConfigError> {
    let origins = &config.api.cors_origins;
    if origins.is_empty() {
        return Ok(None);
    }
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE]);
    if origins.iter().any(|origin| origin == "*") {
        return Ok(Some(layer.allow_origin(Any)));
    }
    let origins: Vec<HeaderValue> = origins
        .iter()
        .map(|origin| read(origin).ok_or_else(|| wrong(config, origin)))
        .collect::<Result<_, _>>()?;
    Ok(Some(layer.allow_origin(AllowOrigin::list(origins))))
}

/// An origin as browsers send it: scheme, host in lower case, and port where it is not the scheme's own.
fn read(origin: &str) -> Option<HeaderValue> {
    let (scheme, authority) = origin.split_once("://")?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-._:[]".contains(c);
    let good = ["http", "https"].contains(&scheme) && !authority.is_empty();
    let good = good && authority.chars().all(plain);
    HeaderValue::from_str(origin).ok().filter(|_| good)
}

fn wrong(config: &Config, origin: &str) -> ConfigError {
    ConfigError::Invalid {
        origin: config.origin(),
        key: "api.cors_origins".to_owned(),
        reason: format!(
            "{origin:?} is no origin, which is a scheme and a host in lower case, such as \"https://soc.example\" or \
             \"http://localhost:3000\""
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_send_them() {
        for good in [
            "https://soc.example",
            "http://localhost:3000",
            "http://[::1]:8080",
        ] {
            assert!(read(good).is_some(), "{good}");
        }
        for bad in [
            "soc.example",
            "https://soc.example/",
            "https://Soc.example",
            "ftp://soc.example",
            "https://",
            "https://a\nb",
        ] {
            assert!(read(bad).is_none(), "{bad:?}");
        }
    }
}
