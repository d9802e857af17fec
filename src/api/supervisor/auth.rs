//! `/api/v1/auth`.

use axum::{
    Json,
    http::header,
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    context::Anyone,
    error::{ErrorResponse, Problem},
    input::Body,
    own_page::OwnPage,
    wire::SuccessMessage,
};
use crate::app::Tokens;

#[derive(Deserialize, ToSchema)]
pub(super) struct Credentials {
    #[schema(format = Email)]
    email: String,
    password: String,
}

#[derive(Serialize, ToSchema)]
pub(super) struct TokensAnswer {
    access_token: String,
    refresh_token: String,
    token_type: TokenType,
}

/// How an access token is shown.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum TokenType {
    Bearer,
}

impl From<Tokens> for TokensAnswer {
    fn from(tokens: Tokens) -> Self {
        let Tokens { access, refresh } = tokens;
        TokensAnswer { access_token: access, refresh_token: refresh, token_type: TokenType::Bearer }
    }
}

/// Log in and get tokens
#[utoipa::path(
    post, path = "/auth/login", operation_id = "login", tag = "Auth", request_body = Credentials,
    responses(
        (status = 200, body = TokensAnswer), (status = 400, body = ErrorResponse),
        (status = 401, body = ErrorResponse),
    ),
    security(())
)]
pub(super) async fn login(
    cx: Anyone,
    Body(input): Body<Credentials>,
) -> Result<Json<TokensAnswer>, Problem> {
    let tokens = cx.app.log_in(&input.email, &input.password, cx.address).await?;
    Ok(Json(tokens.into()))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct ForgotPassword {
    #[schema(format = Email)]
    email: String,
}

/// Request a password reset
#[utoipa::path(
    post, path = "/auth/forgot-password", operation_id = "forgot_password", tag = "Auth",
    request_body = ForgotPassword,
    responses((status = 200, body = SuccessMessage), (status = 400, body = ErrorResponse)),
    security(())
)]
pub(super) async fn forgot_password(
    cx: Anyone,
    Body(input): Body<ForgotPassword>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.forgot_password(&input.email)?;
    Ok(Json(SuccessMessage::of("If the address is known, a mail is on its way")))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct ResetPassword {
    token: String,
    #[schema(format = Password, min_length = 8)]
    new_password: String,
}

/// Reset the password with a token
#[utoipa::path(
    post, path = "/auth/reset-password", operation_id = "reset_password", tag = "Auth",
    request_body = ResetPassword,
    responses((status = 200, body = SuccessMessage), (status = 400, body = ErrorResponse)),
    security(())
)]
pub(super) async fn reset_password(
    cx: Anyone,
    Body(input): Body<ResetPassword>,
) -> Result<Json<SuccessMessage>, Problem> {
    cx.app.reset_password(&input.token, &input.new_password).await?;
    Ok(Json(SuccessMessage::of("Password changed")))
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RefreshToken {
    refresh_token: String,
}

/// Exchange a refresh token
#[utoipa::path(
    post, path = "/auth/refresh", operation_id = "refresh_token", tag = "Auth",
    request_body = RefreshToken,
    responses(
        (status = 200, body = TokensAnswer), (status = 400, body = ErrorResponse),
        (status = 401, body = ErrorResponse),
    ),
    security(())
)]
pub(super) async fn refresh_token(
    cx: Anyone,
    Body(input): Body<RefreshToken>,
) -> Result<Json<TokensAnswer>, Problem> {
    Ok(Json(cx.app.refresh(&input.refresh_token).await?.into()))
}

/// Where the link of a reset mail leads: a page that sets the new password over the API.
pub(super) async fn reset_page() -> Response {
    static PAGE: OwnPage = OwnPage::new(include_str!("reset_password.html"));
    // The address holds a token.
    ([(header::CACHE_CONTROL, "no-store")], PAGE.answer()).into_response()
}
