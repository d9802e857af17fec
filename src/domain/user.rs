//! Who signs in, and what each role may do.

use chrono::{DateTime, Utc};

use super::ids::{LoginId, TenantId, UserId};

/// What a user is to the organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Reads everything, writes nothing, downloads nothing.
    Viewer,
    /// Sees the calls whose job is assigned to them, and what hangs on these.
    Tech,
    Agent,
    Dispatcher,
    Admin,
    Owner,
}

impl Role {
    pub const ALL: [Role; 6] =
        [Role::Viewer, Role::Tech, Role::Agent, Role::Dispatcher, Role::Admin, Role::Owner];

    /// Its name in the database and in tokens.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Tech => "tech",
            Role::Agent => "agent",
            Role::Dispatcher => "dispatcher",
            Role::Admin => "admin",
            Role::Owner => "owner",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// May it do what needs this right?
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::SignedIn | Right::SeeCalls => true,
            Right::SeeStatistics => self != Role::Tech,
            Right::Write => !matches!(self, Role::Viewer | Role::Tech),
            Right::WriteAssigned => self != Role::Viewer,
            Right::Administer => matches!(self, Role::Admin | Role::Owner),
            Right::Own => self == Role::Owner,
        }
    }
}

/// What an operation needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Any user.
    SignedIn,
    /// All roles; a tech sees those assigned to them.
    SeeCalls,
    /// All but a tech.
    SeeStatistics,
    /// Agent, dispatcher, admin, owner.
    Write,
    /// As [`Right::Write`], and a tech where the call is assigned to them.
    WriteAssigned,
    /// Admin and owner.
    Administer,
    /// Owner alone.
    Own,
}

/// Someone who signs in. The address of their mail is lower case.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: UserId,
    pub tenant: TenantId,
    pub email: String,
    pub first_name: String,
    pub last_name: String,
    pub role: Role,
    pub is_active: bool,
    pub created_at: DateTime<Utc>,
}

impl User {
    /// First and last name.
    pub fn name(&self) -> String {
        format!("{} {}", self.first_name, self.last_name).trim().to_owned()
    }
}

/// Who does something: a user, by one of their sign-ins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    pub user: UserId,
    pub tenant: TenantId,
    pub role: Role,
    pub login: LoginId,
    pub name: String,
    /// Where the request came from, for the audit.
    pub address: Option<String>,
}

/// The role may not do this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the role {} may not do this", .0.name())]
pub struct Forbidden(pub Role);

impl Actor {
    /// Goes on if the role has the right.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn may(&self, right: Right) -> Result<(), Forbidden> {
        if self.role.may(right) { Ok(()) } else { Err(Forbidden(self.role)) }
    }

    /// Whose assigned calls alone are seen, if not all are.
    pub fn only_assigned(&self) -> Option<UserId> {
        (self.role == Role::Tech).then_some(self.user)
    }
}
