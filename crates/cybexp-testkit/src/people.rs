//! Users of a site, and their tokens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cybexp_seal::{Holder, Tokens, password};
use tahoe_core::User;

use crate::Site;

impl Site {
    /// The secret that the site's tokens are signed with.
    pub const SECRET: &str = "a secret of the tests, of 32 bytes or more";

    /// Adds a user with this password.
    pub async fn add_user(&self, email: &str, password: &str) -> User {
        let hash = password::hash(password).expect("a good password");
        self.add(User::new(email, &hash, "A User").expect("valid"))
            .await
    }

    /// Adds a superuser with this password.
    pub async fn add_superuser(&self, email: &str, password: &str) -> User {
        let hash = password::hash(password).expect("a good password");
        self.add(User::superuser(email, &hash, "A Superuser").expect("valid"))
            .await
    }

    async fn add(&self, user: User) -> User {
        let new = self
            .identity
            .create_user(&user)
            .await
            .expect("the user is stored");
        assert!(new, "{} is there already", user.email());
        user
    }

    /// Returns the user with whom the site was made.
    pub async fn user(&self) -> User {
        let user = self
            .identity
            .user(self.userid)
            .await
            .expect("the database answers");
        user.expect("the user is there")
    }

    /// Makes a token of this user, of the first generation, valid for an hour.
    pub fn token(&self, user: &User) -> String {
        self.token_for(user, Duration::from_secs(3600))
    }

    /// Makes such a token, valid for this time.
    pub fn token_for(&self, user: &User, valid: Duration) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let holder = Holder {
            sub_type: user.role().as_str(),
            hash: &user.hash().to_string(),
            generation: 0,
        };
        let tokens = Tokens::new(&Self::SECRET.into(), true);
        tokens.issue(holder, valid, now.as_secs()).token
    }
}
