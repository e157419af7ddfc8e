//! Objects in memory, with the three operations that our path takes; `s3s` refuses every other one by its name.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::TryStreamExt;
use s3s::dto::{
    GetObjectInput, GetObjectOutput, ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput,
    PutObjectOutput, StreamingBlob,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// As many as S3 lists at once.
const MOST_LISTED: usize = 1_000;

/// All objects by bucket and key; a bucket is there as soon as it is named.
#[derive(Default)]
pub(crate) struct Memory(Mutex<BTreeMap<(String, String), Vec<u8>>>);

impl Memory {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<(String, String), Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait::async_trait]
impl S3 for Memory {
    async fn put_object(&self, request: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { bucket, key, body, .. } = request.input;
        let mut content = Vec::new();
        if let Some(mut body) = body {
            while let Some(bytes) = body.try_next().await.map_err(|_| s3_error!(IncompleteBody))? {
                content.extend_from_slice(&bytes);
            }
        }
        self.objects().insert((bucket, key), content);
        Ok(S3Response::new(PutObjectOutput::default()))
    }

    async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, .. } = request.input;
        let content = self.objects().get(&(bucket, key)).cloned().ok_or_else(|| s3_error!(NoSuchKey))?;
        let content_length = i64::try_from(content.len()).ok();
        let body = Some(StreamingBlob::from(Body::from(content)));
        Ok(S3Response::new(GetObjectOutput { body, content_length, ..GetObjectOutput::default() }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let ListObjectsV2Input { bucket, prefix, start_after, continuation_token, .. } = request.input;
        let prefix = prefix.unwrap_or_default();
        let after = (bucket.clone(), start_after.max(continuation_token).unwrap_or_default());
        let objects = self.objects();
        let found = objects
            .range((Bound::Excluded(after), Bound::Unbounded))
            .filter(|((in_bucket, key), _)| *in_bucket == bucket && key.starts_with(&prefix))
            .map(|((_, key), content)| Object {
                key: Some(key.clone()),
                size: i64::try_from(content.len()).ok(),
                ..Object::default()
            });
        let mut contents: Vec<_> = found.take(MOST_LISTED + 1).collect();
        let is_truncated = contents.len() > MOST_LISTED;
        contents.truncate(MOST_LISTED);
        let last = contents.last().and_then(|object| object.key.clone());
        Ok(S3Response::new(ListObjectsV2Output {
            key_count: i32::try_from(contents.len()).ok(),
            contents: Some(contents),
            is_truncated: Some(is_truncated),
            next_continuation_token: last.filter(|_| is_truncated),
            ..ListObjectsV2Output::default()
        }))
    }
}
