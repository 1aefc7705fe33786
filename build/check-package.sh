#!/usr/bin/env bash
# Uses the packed packages as a stranger would: the README's project, outside this repository, takes them from a local
# folder, trains, saves and loads, from build output and from published output; what the templates make is built and run;
# the command is installed and run.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
# A version of its own, so that no former package of the same version is taken from a cache.
version="0.0.0-check.$(date +%s)"
packages=$(dotnet nuget locals global-packages --list | sed 's/.*: //')
server=""
# The checked packages leave no trace in the machine's package folder.
leave() {
    [ -z "$server" ] || kill "$server" 2> /dev/null || true
    rm -rf "$work" "$packages"/microsoft.ml.prefixtuning*/"$version"
}
trap leave EXIT

projects="Microsoft.ML.PrefixTuning Microsoft.ML.PrefixTuning.SmolLM2 Microsoft.ML.PrefixTuning.AI
Microsoft.ML.PrefixTuning.LlamaCpp Microsoft.ML.PrefixTuning.Mpi Microsoft.ML.PrefixTuning.Extensions
Microsoft.ML.PrefixTuning.Templates Microsoft.ML.PrefixTuning.Tool"
fail() { echo "check-package: $*" >&2; exit 1; }

# The version that a commit's packages have: packages of two commits never share one.
derived() { dotnet msbuild "$root/src/$1" -t:VersionFromGit -getProperty:Version; }
if [ -e "$root/.git" ] && commit=$(git -C "$root" rev-parse --short=10 HEAD); then
    for project in $projects; do
        [[ $(derived $project) == *-dev.*.g$commit* || -n $(git -C "$root" tag --points-at HEAD) ]] \
            || fail "$project has version $(derived $project), which does not name the commit $commit."
    done
fi

# A size that a document tells is that which was measured, but for a tenth.
agrees() {
    local told
    told=$(sed -nE "s/.*(^|[^0-9,.])([0-9][0-9,]*(\.[0-9]+)?) MB$2.*/\\2/p" "$root/$1" | head -n 1 | tr -d ,)
    awk -v told="${told:-0}" -v found="$3" \
        'BEGIN { exit !(told > 0 && told * 10 >= found * 9 && told * 9 <= found * 10) }' \
        || fail "$1 tells '${told:-nothing} MB$2', measured were $3 MB."
}
# Megabytes of files whose bytes come line by line.
megabytes() { awk '{ sum += $1 } END { printf "%.2f", sum / 1048576 }'; }

start=$SECONDS
for project in $projects; do
    dotnet pack "$root/src/$project" -c Release -p:Version="$version" -o "$work/feed" -nologo -v quiet \
        -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false
done
echo "-- packed in $((SECONDS - start)) s"
(cd "$work/feed" && du -m -- *)
agrees README.md ", SmolLM2's package" "$(stat -c %s "$work/feed/Microsoft.ML.PrefixTuning.$version.nupkg" | megabytes)"
agrees README.md ', the rest is torch' "$(du -m "$work"/feed/Microsoft.ML.PrefixTuning.SmolLM2.*.nupkg | cut -f1)"
agrees README.md ', made for the system' "$(du -m "$work"/feed/Microsoft.ML.PrefixTuning.Tool.linux-x64.*.nupkg | cut -f1)"

# A commit's packages have the same bytes from whichever folder; an address of sources is one that git has, or none.
if [ -n "${commit:-}" ] && [ -z "$(git -C "$root" status --porcelain)" ]; then
    again="$work/again"
    git clone -q "$root" "$again"
    url=$(git -C "$root" remote get-url origin 2> /dev/null || true)
    if [ -n "$url" ]; then git -C "$again" remote set-url origin "$url"; else git -C "$again" remote remove origin; fi
    dotnet pack "$again/src/Microsoft.ML.PrefixTuning" -c Release -p:Version="$version" -o "$again/feed" -nologo \
        -v quiet -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false
    for package in "$again"/feed/*; do
        cmp "$package" "$work/feed/$(basename "$package")" || fail "packed again it is another one."
    done
    link() {
        git -C "$again" remote remove origin 2> /dev/null || true
        [ -z "$1" ] || git -C "$again" remote add origin "$1"
        dotnet msbuild "$again/src/Microsoft.ML.PrefixTuning" -t:GenerateSourceLinkFile -p:Configuration=Release \
            -getProperty:SourceLink
    }
    [ -z "$(link "")" ] || fail "without a remote the symbols have an address of sources."
    linked=$(cat "$(link https://github.com/somebody/prefix-tuning.git)")
    [[ $linked == *"githubusercontent.com/somebody/prefix-tuning/$(git -C "$root" rev-parse HEAD)/"* ]] \
        || fail "the symbols do not name the sources of the commit: $linked"
    rm -rf "$again"
fi

# Starts what serves and waits until it says where: "server" is its process, "address" where it listens.
serve() {
    : > "$work/served"
    NUGET_PACKAGES=/nonexistent "$@" > "$work/served" 2>&1 &
    server=$!
    for _ in $(seq 120); do
        address=$(sed -nE 's/.*listening on:? *(http[^ ]*).*/\1/p' "$work/served")
        [ -z "$address" ] || return 0
        kill -0 "$server" 2> /dev/null || break
        sleep 1
    done
    fail "'$*' does not listen: $(cat "$work/served")"
}
# It ends with 0 when it is told to.
stop() {
    kill -TERM "$server"
    wait "$server" || fail "what served ended with $?: $(cat "$work/served")"
    server=""
}

mkdir "$work/consumer" && cd "$work/consumer"
cp "$root"/test/PackageConsumer/* .
sed -n '/<!-- project:begin -->/,/<!-- project:end -->/p' "$root/README.md" | grep -v -e '^```' -e '^<!--' \
    | sed -e 's|.*"Microsoft.ML.PrefixTuning" Version.*|&\n    <PackageReference Include="Microsoft.ML.PrefixTuning.AI" Version="0.1.0-*" />|' \
        -e "s/0\.1\.0-\*/$version/g" > PackageConsumer.csproj
# The machine's own sources stay in force; the local folder is one more.
cat > NuGet.config <<CONFIG
<configuration><packageSources><add key="checked" value="$work/feed" /></packageSources></configuration>
CONFIG
dotnet build -c Release -o "$work/built" -nologo -v quiet
# TorchSharp finds a libtorch in the package folder even where the application lacks one: look elsewhere.
built=$(du -sm "$work/built" | cut -f1)
echo "-- from build output, $built MB"
agrees README.md ' in a build of this' "$built"
[ ! -e "$work/built/runtimes/win-x64/native/torch_cpu.dll" ] || fail "a build has another system's torch."
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/built/PackageConsumer.dll" "$work/venue.zip")
rm -rf "$work/built"
dotnet publish -c Release -r linux-x64 --self-contained false -o "$work/published" -nologo -v quiet
published=$(du -sm "$work/published" | cut -f1)
echo "-- from published output, $published MB"
agrees README.md ' published for one' "$published"
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/published/PackageConsumer.dll" "$work/venue.zip")
rm -rf "$work/published"
# For every system, which this one is one of.
dotnet publish -c Release -o "$work/published" -nologo -v quiet
published=$(du -sm "$work/published" | cut -f1)
echo "-- from output published without a system, $published MB"
agrees README.md ' published for all' "$published"
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/published/PackageConsumer.dll" "$work/venue.zip")
for library in linux-x64/native/libtorch_cpu.so win-x64/native/torch_cpu.dll osx-arm64/native/libtorch_cpu.dylib; do
    [ -s "$work/published/runtimes/$library" ] || fail "what is published without a system lacks $library."
done
rm -rf "$work/published"

# The same prefixes over llama.cpp, in an application that brings its backend.
mkdir "$work/llamacpp" && cd "$work/llamacpp"
cp "$root"/test/LlamaCppConsumer/* "$work/consumer/NuGet.config" .
sed "s/0\.1\.0-\*/$version/g" "$root/test/LlamaCppConsumer/LlamaCppConsumer.csproj.txt" > LlamaCppConsumer.csproj
dotnet build -c Release -r linux-x64 --self-contained false -o "$work/built" -nologo -v quiet
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/built/LlamaCppConsumer.dll")
rm -rf "$work/built"

# What the templates make, with templates installed for this check alone.
template() { dotnet new "$@" --debug:custom-hive "$work/hive" > "$work/template" || fail "$(cat "$work/template")"; }
mkdir "$work/templates" && cd "$work/templates" && cp "$work/consumer/NuGet.config" .
template install "$work/feed/Microsoft.ML.PrefixTuning.Templates.$version.nupkg"
template prefix-tuning-console --output Describe --no-restore
template prefix-tuning-web --output Serve --no-restore
dotnet build Describe/Describe.csproj -c Release -o "$work/built" -nologo -v quiet -warnaserror
head -n 9 Describe/rows.csv > few.csv
written=$(NUGET_PACKAGES=/nonexistent dotnet "$work/built/Describe.dll" few.csv | tail -n 1)
echo "-- prefix-tuning-console: $written"
[ -n "$written" ] && [ -s model.zip ] || fail "the console template's program wrote '$written'."
rm -rf "$work/built"
dotnet build Serve/Serve.csproj -c Release -o "$work/built" -nologo -v quiet -warnaserror
PrefixTuning__Generation__MaxNewTokens=8 serve env -C "$work/built" dotnet Serve.dll --urls http://127.0.0.1:0
ask() { curl -sf "$address/$1" -H 'Content-Type: application/json' -d '{"text": "Water boils at"}'; }
written=$(ask text)
echo "-- prefix-tuning-web: $written"
[ -n "$written" ] && [[ $(ask stream) == *data:* ]] || fail "the web template's service does not answer: $written"
stop
rm -rf "$work/built"

# What every package depends on. A new package needs a line.
extension() { printf 'Microsoft.Extensions.%s.Abstractions 10.0.0; ' "$@"; }
cat > "$work/expected" <<TABLE
Microsoft.ML.PrefixTuning: Microsoft.ML [5.0.1, 7.0.0); Microsoft.ML.Tokenizers 3.0.0; TorchSharp 0.107.0
Microsoft.ML.PrefixTuning.AI: Microsoft.Extensions.AI.Abstractions 10.5.2; Microsoft.ML.PrefixTuning $version
Microsoft.ML.PrefixTuning.Extensions: $(extension Configuration DependencyInjection Logging)Microsoft.ML.PrefixTuning [$version]
Microsoft.ML.PrefixTuning.LlamaCpp: LLamaSharp 0.30.0; Microsoft.ML.PrefixTuning [$version]
Microsoft.ML.PrefixTuning.Mpi: Microsoft.ML.PrefixTuning $version
Microsoft.ML.PrefixTuning.SmolLM2: Microsoft.ML.PrefixTuning $version
Microsoft.ML.PrefixTuning.Templates:
Microsoft.ML.PrefixTuning.Tool:
Microsoft.ML.PrefixTuning.Tool.linux-x64:
TABLE
# NuGet unpacks them, the command's and the templates' too.
mkdir "$work/contents" && cd "$work/contents" && cp "$work/consumer/NuGet.config" .
{
    echo '<Project Sdk="Microsoft.NET.Sdk"><PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup><ItemGroup>'
    sed -E "s|([^:]*):.*|<PackageDownload Include=\"\1\" Version=\"[$version]\" />|" "$work/expected"
    echo '</ItemGroup></Project>'
} > Contents.csproj
NUGET_PACKAGES="$work/contents/unpacked" dotnet restore -nologo -v quiet
dependencies() { sed -n 's/.*<dependency id="\([^"]*\)" version="\([^"]*\)".*/; \1 \2/p' "$1" | LC_ALL=C sort | tr -d '\n'; }
for package in "$work"/feed/*.nupkg; do
    name=$(basename "$package" ".$version.nupkg")
    folder="$work/contents/unpacked/${name,,}/$version"
    found=$(dependencies "$folder/${name,,}.nuspec")
    grep -qxF "$name:${found#;}" "$work/expected" || fail "$name depends on '${found#; }', which is not what is expected."
    for file in icon.png PACKAGE.md licenses/LICENSE; do
        [ -s "$folder/$file" ] || fail "$name lacks $file."
    done
    for told in '<readme>PACKAGE.md</readme>' '<icon>icon.png</icon>' '<tags>[^<]*prefix-tuning[^<]*</tags>'; do
        grep -q "$told" "$folder/${name,,}.nuspec" || fail "$name: its nuspec has no $told."
    done
    if [ ! -d "$folder/lib" ]; then
        continue
    fi
    [ -s "$work/feed/$name.$version.snupkg" ] || fail "$name has no symbols beside it."
    sed -nE 's/.*<member name="T:([^"]*)".*/\1/p' "$folder"/lib/net10.0/*.xml >> "$work/documented"
done
# Their comments are those of the public types, and of no other.
{ sed -nE 's/^[a-z][a-z ]* (Microsoft\.[A-Za-z0-9.]+)$/\1/p' "$root/docs/public-api.txt"; echo Microsoft.ML.SmolLM2; } \
    > "$work/public"
difference=$(diff <(LC_ALL=C sort "$work/public") <(LC_ALL=C sort "$work/documented")) \
    || fail "types that are public (<) and those that the packages' comments describe (>): $difference"
[ -s "$work/contents/unpacked/microsoft.ml.prefixtuning/$version/licenses/METEOR/COPYING.METEOR.LGPL" ] \
    || fail "the library lacks METEOR's licence."

# The command.
dotnet tool install Microsoft.ML.PrefixTuning.Tool --tool-path "$work/tool" --version "$version" -v quiet
installed=$(du -sm "$work/tool" | cut -f1)
echo "-- command, $installed MB installed"
agrees docs/tool.md ': 580 MB of files' "$installed"
agrees docs/tool.md '\. Torch of other systems' \
    "$(find "$work/tool" -path '*/tools/*' -name '*.dll' -printf '%s\n' | megabytes)"
# Packing what was built has the same version everywhere: file, contents and what validation looks for.
dotnet build "$root/src/Microsoft.ML.PrefixTuning" -c Release -nologo -v quiet
dotnet pack "$root/src/Microsoft.ML.PrefixTuning" -c Release --no-build -o "$work/unbuilt" -nologo -v quiet
# With changes that are in no commit their hash stands behind it.
ls "$work/unbuilt/Microsoft.ML.PrefixTuning.$(derived Microsoft.ML.PrefixTuning)"*.nupkg > /dev/null \
    || fail "packed without building: $(ls "$work/unbuilt")"
reported=$(cd / && NUGET_PACKAGES=/nonexistent "$work/tool/prefix-tune" --version)
[[ $reported == "$version"* ]] || fail "the command of $version says that it is $reported."
[ -n "$(find "$work/tool" -name COPYING.METEOR.LGPL)" ] || fail "the command lacks METEOR's licence."
(cd / && NUGET_PACKAGES=/nonexistent "$work/tool/prefix-tune" inspect smollm2) > /dev/null
# With llama.cpp of its own system alone, which writes.
[ -z "$(find "$work/tool" -path '*osx*' -name 'libllama*')" ] || fail "the command has another system's llama.cpp."
written=$(cd / && echo 'Water boils at' | NUGET_PACKAGES=/nonexistent "$work/tool/prefix-tune" generate --base smollm2 \
    --engine llama-cpp --max-new-tokens 8)
echo "-- over llama.cpp: $written"
[ -n "$written" ] || fail "the command writes nothing over llama.cpp."
# Its server answers.
serve env -C / "$work/tool/prefix-tune" serve --base smollm2 --port 0
[[ $(curl -sf "$address"v1/models) == *smollm2* ]] || fail "the command's server does not answer."
stop
