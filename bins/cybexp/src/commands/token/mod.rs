//! `cybexp token`: tokens of the API.

mod list;

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Subcommand;
use cybexp_seal::{Holder, TokenError, Tokens};
use cybexp_service::Config;
use cybexp_store::Identity;
use tahoe_core::time::parse_last;

use super::clock::unix_now;
use super::databases;
use super::people::find_user;
use super::text::read_line;
use cybexp_term::{self as term, GREEN};

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct TokenArgs {
    #[command(subcommand)]
    action: Option<TokenCommand>,
    /// The user's e-mail address or hash
    #[arg(required = true, value_name = "EMAIL")]
    user: Option<String>,
    /// The time until the token expires, such as 30d or 12h [default: api.token_ttl_s of the configuration]
    #[arg(long, value_name = "TIME", value_parser = ttl)]
    ttl: Option<Duration>,
}

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// List the tokens that can be used; those of the Python system and of earlier releases are not known
    List {
        /// Only tokens of this user: an e-mail address or hash
        #[arg(value_name = "EMAIL")]
        user: Option<String>,
        /// Include revoked tokens
        #[arg(long)]
        revoked: bool,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token
    Revoke {
        /// The token, or the beginning of its id as the list shows it; `-` reads it from the standard input, so that it is
        /// not seen in the list of processes
        #[arg(required_unless_present = "user")]
        token: Option<String>,
        /// All tokens of this user, also those that the list does not show
        #[arg(long, value_name = "EMAIL", conflicts_with = "token")]
        user: Option<String>,
    },
}

fn ttl(text: &str) -> Result<Duration, String> {
    let seconds = parse_last(text).map_err(|error| format!("`{}` {}", error.text, error.reason))?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(ttl) if ttl >= Duration::from_secs(1) => Ok(ttl),
        _ => Err("must be a second or more, such as 30d or 12h".to_owned()),
    }
}

pub(super) async fn run(args: TokenArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let tokens = Tokens::new(
        &config.identity_secret()?,
        config.api.accept_unexpiring_tokens,
    );
    let identity = databases::identity(config).await?;
    match (args.action, args.user) {
        (
            Some(TokenCommand::List {
                user,
                revoked,
                json,
            }),
            _,
        ) => list::run(&identity, user.as_deref(), revoked, json).await?,
        (
            Some(TokenCommand::Revoke {
                user: Some(user), ..
            }),
            _,
        ) => {
            let user = find_user(&identity, &user).await?;
            let revoked = identity.revoke_all(user.hash()).await?;
            anstream::eprintln!(
                "{GREEN}✓{GREEN:#} {revoked} tokens of {} revoked",
                term::line(user.email())
            );
        }
        (Some(TokenCommand::Revoke { token, .. }), _) => {
            revoke(&identity, &tokens, token.as_deref().unwrap_or_default()).await?;
        }
        (None, Some(user)) => {
            let user = find_user(&identity, &user).await?;
            let ttl = args
                .ttl
                .unwrap_or(Duration::from_secs(config.api.token_ttl_s));
            let standing = identity.standing(user.hash()).await?;
            let email = term::line(user.email());
            ensure!(
                !standing.locked,
                "{email} is locked: `cybexp user unlock {email}` first"
            );
            let holder = Holder {
                sub_type: user.role().as_str(),
                hash: &user.hash().to_string(),
                generation: standing.generation,
            };
            let issued = tokens.issue(holder, ttl, unix_now());
            let (generation, by) = (standing.generation, "cybexp token");
            identity
                .remember_token(&issued.jti, user.hash(), generation, by, issued.expires)
                .await?;
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

async fn revoke(identity: &Identity, tokens: &Tokens, given: &str) -> anyhow::Result<()> {
    let given = match given {
        "-" => read_line(Path::new("-"))?,
        _ => given.to_owned(),
    };
    let given = given.trim();
    // a token has dots, and an id is hex
    if !given.is_empty() && given.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        let found = list::by_id(identity, given).await?;
        identity
            .revoke(&found.jti, Some(found.until.ceil() as u64))
            .await?;
        anstream::eprintln!("{GREEN}✓{GREEN:#} revoked");
        return Ok(());
    }
    let claims = match tokens.check(given, unix_now()) {
        Ok(claims) => claims,
        Err(TokenError::Expired) => {
            anstream::eprintln!("it has expired already: nobody can use it any more");
            return Ok(());
        }
        Err(error) => bail!("this is no token of this suite: {error}"),
    };
    let jti = claims.jti.context(
        "the token has no id to revoke it by: it is one of the Python system, and those are refused altogether when \
         api.accept_unexpiring_tokens is false, or identity.secret is a new one",
    )?;
    identity.revoke(&jti, claims.expires).await?;
    anstream::eprintln!("{GREEN}✓{GREEN:#} revoked");
    Ok(())
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
