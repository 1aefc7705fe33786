#!/usr/bin/env bash
# Uses the packed packages as a stranger would: a project outside this repository takes them from a local folder, trains,
# saves and loads, from build output and from published output.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# A version of its own, so that no former package of the same version is taken from a cache.
version="0.0.0-check.$(date +%s)"
for project in Microsoft.ML.PrefixTuning Microsoft.ML.PrefixTuning.SmolLM2; do
    dotnet pack "$root/src/$project" -c Release -p:Version="$version" -o "$work/feed" -nologo -v quiet
done

mkdir "$work/consumer" && cd "$work/consumer"
cp "$root"/test/PackageConsumer/* .
mv PackageConsumer.csproj.txt PackageConsumer.csproj
# The machine's own sources stay in force; the local folder is one more.
cat > NuGet.config <<CONFIG
<configuration><packageSources><add key="checked" value="$work/feed" /></packageSources></configuration>
CONFIG
export CheckedVersion="$version"
dotnet build -c Release -o "$work/built" -nologo -v quiet
# TorchSharp finds a libtorch in the package folder even where the application lacks one: look elsewhere.
echo "-- from build output"
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/built/PackageConsumer.dll" "$work/venue.zip")
rm -rf "$work/built"
dotnet publish -c Release -r linux-x64 --self-contained false -o "$work/published" -nologo -v quiet
echo "-- from published output"
(cd / && NUGET_PACKAGES=/nonexistent dotnet "$work/published/PackageConsumer.dll" "$work/venue.zip")
# The checked packages leave no trace in the machine's package folder.
packages=$(dotnet nuget locals global-packages --list | sed 's/.*: //')
rm -rf "$packages/microsoft.ml.prefixtuning/$version" "$packages/microsoft.ml.prefixtuning.smollm2/$version"
