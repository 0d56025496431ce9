"""RabbitMQ: runtime, typed RPC client, events with retries, relay. The only place with nameko and kombu."""
