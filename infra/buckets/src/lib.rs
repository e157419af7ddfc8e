//! The embedded S3: one bucket in a folder, or in memory, spoken to by the unmodified AWS SDK.

mod memory;

use std::io;
use std::path::Path;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Result};
use s3s_fs::FileSystem;
use tower::ServiceExt;

use memory::Memory;

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    #[error("the folder of the bucket cannot be made")]
    Folder(#[source] io::Error),
    #[error("the folder of the bucket cannot be used: {0:?}")]
    Unusable(s3s_fs::Error),
}

/// An empty bucket that ends with the process.
pub fn in_memory() -> Router {
    router(Memory::default())
}

/// A bucket that is kept in a folder, one file an object.
pub fn in_folder(folder: &Path, bucket: &str) -> Result<Router, BucketError> {
    std::fs::create_dir_all(folder.join(bucket)).map_err(BucketError::Folder)?;
    Ok(router(FileSystem::new(folder).map_err(BucketError::Unusable)?))
}

fn router(storage: impl S3) -> Router {
    let mut builder = S3ServiceBuilder::new(storage);
    builder.set_auth(Anybody);
    let service = builder.build();
    Router::new().fallback(move |request: Request| answer(service.clone(), request))
}

async fn answer(service: S3Service, request: Request) -> Response {
    match service.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(error) => {
            tracing::error!(?error, "the embedded S3 failed");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Everybody has the same secret here: an access key only tells who calls.
struct Anybody;

#[async_trait::async_trait]
impl S3Auth for Anybody {
    async fn get_secret_key(&self, _access_key: &str) -> S3Result<SecretKey> {
        Ok(SecretKey::from(runtime::LOCAL_SECRET))
    }
}
