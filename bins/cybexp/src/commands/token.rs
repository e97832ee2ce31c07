//! `cybexp token`: tokens of the API.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Subcommand;
use cybexp_seal::{TokenError, Tokens};
use cybexp_service::Config;
use tahoe_core::time::parse_last;

use cybexp_term::{self as term, GREEN};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Option<Action>,
    /// The user's e-mail address or hash
    #[arg(required = true, value_name = "EMAIL")]
    user: Option<String>,
    /// How long it is good, such as 30d or 12h [default: api.token_ttl_s of the configuration]
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Duration>,
}

#[derive(Subcommand)]
pub(crate) enum Action {
    /// Revoke a token
    Revoke {
        /// The token; `-` reads it from the standard input, where nobody sees it in the list of processes
        token: String,
    },
}

fn ttl(text: &str) -> Result<Duration, String> {
    let seconds = parse_last(text).map_err(|error| format!("`{}` {}", error.text, error.reason))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(ttl) if ttl >= Duration::from_secs(1) => Ok(ttl),
        _ => Err("must be a second or more, such as 30d or 12h".to_owned()),
    }
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let tokens = Tokens::new(
        &config.identity_secret()?,
        config.api.accept_unexpiring_tokens,
    );
    let identity = super::identity(config).await?;
    match (args.action, args.user) {
        (Some(Action::Revoke { token }), _) => {
            let token = match token.as_str() {
                "-" => super::read_line(Path::new("-"))?,
                _ => token,
            };
            let claims = match tokens.check(token.trim(), super::unix_now()) {
                Ok(claims) => claims,
                Err(TokenError::Expired) => {
                    anstream::eprintln!("it has expired already: nobody can use it any more");
                    return Ok(ExitCode::SUCCESS);
                }
                Err(error) => bail!("this is no token of this suite: {error}"),
            };
            let jti = claims.jti.context(
                "the token has no id to revoke it by: it is one of the Python system, and those are refused altogether \
                 when api.accept_unexpiring_tokens is false, or identity.secret is a new one",
            )?;
            identity.revoke(&jti, claims.expires).await?;
            anstream::eprintln!("{GREEN}✓{GREEN:#} revoked");
        }
        (None, Some(user)) => {
            let user = super::find_user(&identity, &user).await?;
            let ttl = args
                .ttl
                .unwrap_or(Duration::from_secs(config.api.token_ttl_s));
            let hash = user.hash().to_string();
            let issued = tokens.issue(user.role().as_str(), &hash, ttl, super::unix_now());
            anstream::eprintln!(
                "{GREEN}✓{GREEN:#} a token of {}, good for {}; whoever has it can act as that user",
                term::line(user.email()),
                spoken(ttl)
            );
            anstream::println!("{}", issued.token);
        }
        (None, None) => unreachable!("the command line has one or the other"),
    }
    Ok(ExitCode::SUCCESS)
}

fn spoken(ttl: Duration) -> String {
    let seconds = ttl.as_secs();
    for (unit, length) in [("days", 86_400), ("hours", 3600), ("minutes", 60)] {
        if seconds >= 2 * length {
            return format!("{} {unit}", seconds / length);
        }
    }
    format!("{seconds} s")
}
