"""What the document says in words of its own."""

import schemathesis


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """A limit above its maximum is taken as the maximum (x-above-maximum: clamp), not refused."""
    for path in raw_schema["paths"].values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter.get("schema", {}).get("x-above-maximum") == "clamp":
                    parameter["schema"].pop("maximum", None)
