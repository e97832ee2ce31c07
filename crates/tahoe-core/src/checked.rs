//! Attributes whose sub_type and value both come from outside the suite.

use crate::node::Attribute;
use crate::scalar::Scalar;
use crate::sub_type::SubType;

/// Error for a number under a sub_type with which the attribute could have the hash of another one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot hold a number, for its name ends in a digit: give it as text")]
pub struct AmbiguousNumber(pub SubType);

impl Attribute {
    /// Returns the attribute, if no other sub_type and number have its hash.
    ///
    /// TAHOE hashes sub_type and value without a separator, so the number 444 under `port4` has the hash of 4444 under
    /// `port`, and -10 under `score1e` that of 1e-10 under `score`. Code that takes a sub_type from outside uses this
    /// function rather than [`Attribute::new`]. Otherwise one organisation's sightings could stand in for another's
    /// ports.
    ///
    /// # Errors
    /// If `data` is a number and the name of the sub_type ends in a digit, or in a digit and `e`.
    pub fn checked(sub_type: SubType, data: impl Into<Scalar>) -> Result<Self, AmbiguousNumber> {
        let data = data.into();
        let is_number = match data {
            Scalar::Int(_) | Scalar::Float(_) => true,
            Scalar::Null | Scalar::Bool(_) | Scalar::Str(_) => false,
        };
        let name = sub_type.as_str();
        let before = name.strip_suffix('e').unwrap_or(name);
        match is_number && before.ends_with(|c: char| c.is_ascii_digit()) {
            true => Err(AmbiguousNumber(sub_type)),
            false => Ok(Self::new(sub_type, data)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Finite;

    fn checked(sub_type: &str, data: impl Into<Scalar>) -> Result<Attribute, AmbiguousNumber> {
        Attribute::checked(SubType::new(sub_type).expect("an identifier"), data)
    }

    #[test]
    fn a_number_whose_hash_another_attribute_has_is_refused() {
        let tiny = Finite::new(1e-10).expect("finite");
        for (taken, ambiguous) in [
            (checked("port", 4444_i64), ("port4", Scalar::Int(444))),
            (
                checked("score", Scalar::Float(tiny)),
                ("score1e", Scalar::Int(-10)),
            ),
        ] {
            let (sub_type, data) = ambiguous;
            let made = Attribute::new(SubType::new(sub_type).expect("an identifier"), data.clone());
            assert_eq!(taken.expect("a number").hash(), made.hash());
            let refused = checked(sub_type, data).expect_err("refused");
            assert!(refused.to_string().starts_with(sub_type), "{refused}");
        }
    }

    #[test]
    fn all_else_is_taken() {
        for sub_type in ["port", "score", "e", "size_e"] {
            assert!(checked(sub_type, 4_i64).is_ok(), "{sub_type}");
        }
        for sub_type in ["ipv4", "sha256", "score1e"] {
            assert!(checked(sub_type, "444").is_ok(), "{sub_type}");
            assert!(checked(sub_type, true).is_ok(), "{sub_type}");
            assert!(checked(sub_type, Scalar::Null).is_ok(), "{sub_type}");
        }
    }
}
