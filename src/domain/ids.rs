//! Identifiers, each its own type: a UUID (version 7, so that they sort by age), parsed once at the
//! edge.

use std::{fmt, str::FromStr};

use uuid::Uuid;

/// No identifier of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not an identifier")]
pub struct InvalidId;

/// What all identifiers are: a UUID each.
pub trait Identifier: Copy + Into<Uuid> + From<Uuid> {}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// A new one.
            pub fn new() -> Self {
                $name(Uuid::now_v7())
            }

            /// The UUID itself.
            pub fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl Default for $name {
            fn default() -> Self {
                $name::new()
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                $name(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Uuid {
                id.0
            }
        }

        impl Identifier for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            /// With dashes, without, or with its prefix before 32 hexadecimal digits.
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse(text, $prefix).map($name)
            }
        }
    )*};
}

ids! {
    /// An organisation: what one may see ends where it ends.
    TenantId: "org_";
    /// Someone who signs in.
    UserId: "usr_";
    /// One sign-in.
    LoginId: "lgn_";
    /// One phone call, from ring to hang-up. The carrier has its own name for it, `twiml::CallSid`.
    CallId: "call_";
    /// A person who takes calls.
    AgentId: "agt_";
    /// A business configuration.
    BusinessId: "biz_";
    /// A number of the tenant's.
    NumberId: "pn_";
}

fn parse(text: &str, prefix: &str) -> Result<Uuid, InvalidId> {
    let text = text.strip_prefix(prefix).unwrap_or(text);
    // Uuid itself would take braces and URNs, too.
    let plain =
        matches!(text.len(), 32 | 36) && text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    match plain {
        true => text.parse().map_err(|_| InvalidId),
        false => Err(InvalidId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_identifier_has_three_spellings() {
        let id: CallId = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b".parse().expect("dashes");
        assert_eq!("0190a1b2c3d47e5f8a9b0c1d2e3f4a5b".parse(), Ok(id));
        assert_eq!("call_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b".parse(), Ok(id));
        for bad in [
            "",
            "7",
            "usr_0190a1b2c3d47e5f8a9b0c1d2e3f4a5b",
            "{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}",
        ] {
            assert_eq!(bad.parse::<CallId>(), Err(InvalidId), "{bad}");
        }
    }
}
