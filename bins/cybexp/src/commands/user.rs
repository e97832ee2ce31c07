//! `cybexp user`: users, directly in the database: the API cannot make the first superuser.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail, ensure};
use clap::Subcommand;
use cybexp_seal::password;
use cybexp_service::Config;
use cybexp_store::Identity;
use serde_json::Value;
use tahoe_core::{Hash, Org, Role, User};

use super::agree::agreed;
use super::databases;
use super::people::{find_user, find_users};
use super::text::read_line;
use crate::random::random_text;
use cybexp_term::{self as term, DIM, GREEN};

/// The number of characters of a generated password: 119 bits.
const GENERATED: usize = 20;

#[derive(Subcommand)]
pub(crate) enum UserCommand {
    /// Make a user
    Add(UserAddArgs),
    /// List all users
    List {
        /// Print their documents, without passwords
        #[arg(long)]
        json: bool,
    },
    /// Delete users: they are taken out of all organisations, and their tokens end
    Del {
        /// The users' e-mail addresses or hashes
        #[arg(required = true, value_name = "EMAIL")]
        users: Vec<String>,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Lock users: all their tokens end, and they cannot sign in
    Lock {
        /// The users' e-mail addresses or hashes
        #[arg(required = true, value_name = "EMAIL")]
        users: Vec<String>,
    },
    /// Let locked users sign in again
    Unlock {
        /// The users' e-mail addresses or hashes
        #[arg(required = true, value_name = "EMAIL")]
        users: Vec<String>,
    },
    /// Change a user's password, which ends all tokens of the user
    Passwd {
        /// The user's e-mail address or hash
        #[arg(value_name = "EMAIL")]
        user: String,
        #[command(flatten)]
        password: Password,
    },
}

#[derive(clap::Args)]
pub(crate) struct UserAddArgs {
    /// The e-mail address, which is the user's identity
    email: String,
    /// The user's name, for people
    #[arg(long, default_value = "")]
    name: String,
    /// May make users and organisations through the API
    #[arg(long)]
    superuser: bool,
    #[command(flatten)]
    password: Password,
}

/// The source of a password: the terminal, unless one of these options is given.
#[derive(clap::Args)]
pub(crate) struct Password {
    /// The file that holds the password; `-` is the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    password_file: Option<PathBuf>,
    /// Make one, and print it on the standard output
    #[arg(long)]
    generate: bool,
}

pub(super) async fn run(action: UserCommand, config: &Config) -> anyhow::Result<ExitCode> {
    let identity = databases::identity(config).await?;
    match action {
        UserCommand::Add(args) => {
            // other problems are told before a password is asked for
            let user = user(&args, "none yet")?;
            let taken = identity.user_by_email(user.email()).await?;
            let exists = "there is a user of that address already; `cybexp user passwd` changes the password";
            ensure!(taken.is_none(), "{exists}");
            let password = args.password.get()?;
            let user = self::user(&args, &password::hash(&password)?)?;
            ensure!(identity.create_user(&user).await?, "{exists}");
            done(&format!("made the {} {}", role(&user), user.email()));
            args.password.show(&password);
        }
        UserCommand::List { json } => list(&identity, json).await?,
        UserCommand::Del { users, yes } => {
            let users = find_users(&identity, &users).await?;
            for user in users {
                delete(&identity, &user, yes).await?;
            }
        }
        UserCommand::Lock { users } => {
            for user in find_users(&identity, &users).await? {
                identity.set_locked(user.hash(), true).await?;
                let email = user.email();
                done(&format!(
                    "locked {email}; all tokens of the user have ended"
                ));
            }
        }
        UserCommand::Unlock { users } => {
            for user in find_users(&identity, &users).await? {
                identity.set_locked(user.hash(), false).await?;
                done(&format!("unlocked {}", user.email()));
            }
        }
        UserCommand::Passwd { user, password } => {
            let user = find_user(&identity, &user).await?;
            let new = password.get()?;
            identity
                .set_password(user.hash(), &password::hash(&new)?)
                .await?;
            done(&format!(
                "changed the password of {}; all tokens of the user have ended",
                user.email()
            ));
            password.show(&new);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes a user. Events do not name users, and the user's queries vanish with the reports.
async fn delete(identity: &Identity, user: &User, yes: bool) -> anyhow::Result<()> {
    let email = user.email();
    let orgs = identity.orgs_of(user.hash()).await?;
    if let Some(org) = orgs.iter().find(|org| org.expel(&[user.hash()]).is_err()) {
        bail!(last_admin(email, org.orgname()));
    }
    let names: Vec<&str> = orgs.iter().map(Org::orgname).collect();
    let of = match names.is_empty() {
        true => "belongs to no organisation".to_owned(),
        false => format!("goes out of {}", names.join(", ")),
    };
    let question = format!(
        "Delete the {} {email}, who {of}? Data stays as it is.",
        role(user)
    );
    agreed(&question, yes)?;
    if let Err((org, _)) = identity.delete_user(user.hash()).await? {
        bail!(last_admin(email, org.orgname()));
    }
    done(&format!("deleted the {} {email}", role(user)));
    Ok(())
}

fn last_admin(email: &str, org: &str) -> String {
    format!(
        "{email} is the last admin of {org}, which nobody could change then: `cybexp org add-user {org} EMAIL --as admin` \
         makes another one, `cybexp org del {org}` deletes it"
    )
}

fn user(args: &UserAddArgs, hash: &str) -> anyhow::Result<User> {
    Ok(match args.superuser {
        true => User::superuser(&args.email, hash, &args.name)?,
        false => User::new(&args.email, hash, &args.name)?,
    })
}

async fn list(identity: &Identity, json: bool) -> anyhow::Result<()> {
    let users = identity.users().await?;
    if json {
        let documents: Value = users.iter().map(User::document_without_password).collect();
        anstream::println!("{}", term::json(&documents));
        return Ok(());
    }
    let hashes: Vec<Hash> = users.iter().map(User::hash).collect();
    let standings = identity.standings(&hashes).await?;
    let is_locked = |user: &User| standings.get(&user.hash()).is_some_and(|it| it.locked);
    let mut table = term::table(&["e-mail", "name", "role", "hash"]);
    for user in &users {
        let (email, name) = (term::short(user.email()), term::short(user.name()));
        let hash = term::id(&user.hash().to_string());
        let role = match is_locked(user) {
            true => format!("{}, locked", role(user)),
            false => role(user).to_owned(),
        };
        table.add_row([email, name, role, hash]);
    }
    anstream::println!("{table}");
    Ok(())
}

fn role(user: &User) -> &'static str {
    match user.role() {
        Role::User => "user",
        Role::Superuser => "superuser",
    }
}

fn done(what: &str) {
    anstream::eprintln!("{GREEN}✓{GREEN:#} {}", term::line(what));
}

impl Password {
    fn get(&self) -> anyhow::Result<String> {
        if self.generate {
            return Ok(random_text(GENERATED));
        }
        if let Some(file) = &self.password_file {
            return read_line(file);
        }
        if !std::io::stdin().is_terminal() {
            bail!(
                "there is no terminal to ask for a password at: give --password-file or --generate"
            );
        }
        let ask = |prompt| rpassword::prompt_password(prompt).context("cannot ask for a password");
        let password = ask("Password: ")?;
        ensure!(
            password == ask("The same again: ")?,
            "these were two passwords"
        );
        Ok(password)
    }

    fn show(&self, password: &str) {
        if self.generate {
            anstream::eprintln!("  {DIM}the password, which is shown only now:{DIM:#}");
            anstream::println!("{password}");
        }
    }
}
