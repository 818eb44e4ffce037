#!/usr/bin/env bats
# The signer against somebody else's: botocore, as Debian packages it.

setup() {
        ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
        TOOL=${P11CERT_BUILD:-$ROOT/build/check}/tests/unit/sigv4_tool
}

@test "random requests get the signature that botocore gives them" {
        /usr/bin/python3 -c 'import botocore.auth' 2>/dev/null || skip "python3-botocore is not installed"
        run /usr/bin/python3 "$BATS_TEST_DIRNAME/sigv4_botocore.py" "$TOOL" 1000
        echo "$output"
        [ "$status" = 0 ]
}

@test "what is not a request is refused" {
        run "$TOOL" <<<'{"method":"POST"}'
        [ "$status" = 1 ]
}
