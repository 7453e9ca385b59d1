(function(){
var list=document.getElementById("list"),tools=document.getElementById("tools");
if(!list)return;
var rows,words,find=document.getElementById("find"),kind=document.getElementById("kind"),count=document.getElementById("count");
function read(){rows=Array.prototype.slice.call(list.children);words=rows.map(function(r){return r.firstElementChild.textContent.toLowerCase()})}
read();
function filter(){
var text=find.value.trim().toLowerCase(),k=kind.value,n=0;
rows.forEach(function(r,i){var on=(!k||r.dataset.k===k)&&(!text||words[i].indexOf(text)>=0);r.hidden=!on;if(on)n++});
count.textContent=n===rows.length?"":n+" of "+rows.length;
}
function value(r,by){return by==="n"?+r.id.slice(1):r.dataset[by]===undefined?-Infinity:+r.dataset[by]}
function sort(button){
var by=button.dataset.sort,sorted=rows.slice().sort(function(a,b){return by==="n"?value(a,by)-value(b,by):value(b,by)-value(a,by)});
sorted.forEach(function(r){list.appendChild(r)});
tools.querySelectorAll("button").forEach(function(b){b.setAttribute("aria-pressed",b===button)});
}
function unfold(){var t=/^#t\d+$/.test(location.hash)&&document.getElementById(location.hash.slice(1));if(t){t.hidden=false;t.open=true;t.scrollIntoView()}}
find.addEventListener("input",filter);
kind.addEventListener("change",filter);
tools.addEventListener("click",function(e){if(e.target.dataset.sort)sort(e.target)});
addEventListener("hashchange",unfold);
list.addEventListener("more",function(){read();filter()});
tools.hidden=false;
unfold();
})();
