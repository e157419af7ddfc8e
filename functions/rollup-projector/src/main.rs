use aws_lambda_events::dynamodb::Event;
use lambda_runtime::{Error, LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let host = runtime::start();
    let app = rollup_projector::App::connect(&host)?;
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Event>| {
        Ok::<_, Error>(rollup_projector::handle(app.clone(), event.payload).await)
    }))
    .await
}
