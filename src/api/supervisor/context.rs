//! Who asks, as every handler gets it: after the token and the limit, before anything of the input is
//! looked at, the role is checked.

use std::{convert::Infallible, marker::PhantomData, sync::Arc};

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
};

use super::error::Problem;
use crate::{
    api::Api,
    app::{App, Verified},
    domain::{Actor, Right},
};

/// A right, as a type: `Cx<Write>` refuses who may not write.
pub trait Needs: Send + Sync {
    const RIGHT: Right;
}

macro_rules! rights {
    ($($name:ident),+) => {$(
        #[doc = concat!("[`Right::", stringify!($name), "`], as a type.")]
        #[derive(Debug)]
        pub struct $name;
        impl Needs for $name { const RIGHT: Right = Right::$name; }
    )+};
}

rights!(SignedIn, SeeCalls, SeeStatistics, Write);

/// The operations, and who asks.
pub struct Cx<R> {
    pub app: Arc<App>,
    pub actor: Actor,
    needs: PhantomData<R>,
}

impl<R: Needs> FromRequestParts<Arc<Api>> for Cx<R> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let verified = parts.extensions.get::<Verified>();
        let actor = verified.map(|verified| verified.actor.clone()).ok_or_else(|| {
            Problem::new(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "Missing authentication")
        })?;
        actor.may(R::RIGHT).map_err(|error| Problem::from(crate::app::Error::from(error)))?;
        Ok(Cx { app: api.app.clone(), actor, needs: PhantomData })
    }
}

/// The operations, for those who have not signed in, and where they ask from.
pub struct Anyone {
    pub app: Arc<App>,
    pub address: Option<String>,
}

impl FromRequestParts<Arc<Api>> for Anyone {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<super::gate::Address>();
        Ok(Anyone { app: api.app.clone(), address: address.map(|one| one.0.clone()) })
    }
}
