//! The queries that are answered: those of the API, and not for ever. Others can write to the report database, too.

use cybexp_service::QueryMacs;
use cybexp_store::Claimed;
use tahoe_core::{Hash, Query, Socket};

/// The age, in seconds, at which a query is not answered any more, so that nobody can have it answered by storing it again.
const MAX_AGE_S: f64 = 2.0 * 3600.0;

/// Knows the API's queries by their authentication codes.
#[derive(Debug)]
pub(crate) struct Admission {
    macs: QueryMacs,
    accept_unsigned: bool,
}

impl Admission {
    /// With `accept_unsigned`, queries of a Python API are admitted, which have no codes.
    pub(crate) fn new(macs: QueryMacs, accept_unsigned: bool) -> Self {
        Self {
            macs,
            accept_unsigned,
        }
    }

    /// Returns the keys of the codes.
    pub(crate) fn macs(&self) -> &QueryMacs {
        &self.macs
    }

    /// Returns the reason why a query is not answered, if there is one. `now` is the time in Unix seconds.
    pub(crate) fn refusal(&self, claim: &Claimed, query: &Query, now: f64) -> Option<&'static str> {
        let signed = hash(query)
            .zip(claim.mac.as_deref())
            .is_some_and(|(hash, code)| self.macs.is_query(hash, query, code));
        if !signed && !self.accept_unsigned {
            return Some("field _mac: the query is not the API's");
        }
        let age = now - query.timestamp.get();
        (age.abs() > MAX_AGE_S).then_some("field timestamp: more than two hours ago")
    }

    /// Returns the socket of a query, if it is the API's.
    pub(crate) fn socket(&self, claim: &Claimed, query: &Query) -> Option<Socket> {
        let signed = hash(query)
            .zip(claim.socket_mac.as_deref())
            .is_some_and(|(hash, code)| self.macs.is_socket(hash, query, code));
        (signed || self.accept_unsigned).then(|| query.socket.clone())
    }
}

fn hash(query: &Query) -> Option<Hash> {
    Some(query.to_object().ok()?.hash())
}
