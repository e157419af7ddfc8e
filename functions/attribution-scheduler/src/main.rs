use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::Value;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let host = runtime::start();
    let app = attribution_scheduler::App::connect(&host)?;
    lambda_runtime::run(service_fn(async |_tick: LambdaEvent<Value>| {
        attribution_scheduler::handle(app.clone()).await.map_err(Error::from)
    }))
    .await
}
